/* Any function of an 8-bit element, by a table of its 256 values; channels may have one each. */
#ifndef TC_TABLE_H
#define TC_TABLE_H

#include "tc_base.h"

typedef struct {
    int32_t count;
    int32_t channels;  /* tables, which runs of neighbouring elements take in turns */
    int32_t run;       /* elements of a run */
    int32_t is_signed; /* the first entry stands for -128, not for 0 */
    int32_t y_size;    /* bytes of an entry: 1 or 2 */
    const void *table;
} tc_table_params;

void tc_table(const tc_table_params *p, const void *x, void *y);

#endif
