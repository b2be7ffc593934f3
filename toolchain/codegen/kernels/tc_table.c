#include "tc_table.h"

void tc_table(const tc_table_params *p, const void *x, void *y)
{
    const uint8_t *source = (const uint8_t *)x;
    const uint8_t flip = p->is_signed ? 0x80 : 0;
    if (p->y_size == 1) {
        const uint8_t *table = (const uint8_t *)p->table;
        uint8_t *result = (uint8_t *)y;
        for (int32_t i = 0; i < p->count; i++) {
            result[i] = table[source[i] ^ flip];
        }
    } else {
        const uint16_t *table = (const uint16_t *)p->table;
        uint16_t *result = (uint16_t *)y;
        for (int32_t i = 0; i < p->count; i++) {
            result[i] = table[source[i] ^ flip];
        }
    }
}
