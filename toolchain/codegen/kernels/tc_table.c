#include "tc_table.h"

void tc_table(const tc_table_params *p, const void *x, void *y)
{
    const uint8_t *source = (const uint8_t *)x;
    const uint8_t flip = p->is_signed ? 0x80 : 0;
    int32_t first = 0; /* entry of p->table where that of the run begins */
    for (int32_t start = 0; start < p->count; start += p->run) {
        const int32_t end = start + p->run;
        if (p->y_size == 1) {
            const uint8_t *table = (const uint8_t *)p->table + first;
            uint8_t *result = (uint8_t *)y;
            for (int32_t i = start; i < end; i++) {
                result[i] = table[source[i] ^ flip];
            }
        } else {
            const uint16_t *table = (const uint16_t *)p->table + first;
            uint16_t *result = (uint16_t *)y;
            for (int32_t i = start; i < end; i++) {
                result[i] = table[source[i] ^ flip];
            }
        }
        first = first + 256 == p->channels * 256 ? 0 : first + 256;
    }
}
