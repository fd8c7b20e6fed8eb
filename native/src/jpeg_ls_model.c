/* The parameters of a JPEG-LS stream, and what its contexts begin with. */

#include "jpeg_ls_model.h"

static int32_t larger(int32_t one, int32_t other)
{
    return one > other ? one : other;
}

/* CLAMP of T.87 C.2.4.1.1.1. */
static uint16_t threshold(int32_t wanted, int32_t least, int32_t maxval)
{
    return (uint16_t)(wanted > maxval || wanted < least ? least : wanted);
}

jls_presets jls_default_presets(int32_t maxval, int32_t near)
{
    jls_presets presets = {(uint16_t)maxval, 0, 0, 0, JLS_USUAL_RESET};
    int32_t t1, t2, t3;

    if (maxval >= 128) {
        const int32_t factor = ((maxval < 4095 ? maxval : 4095) + 128) / 256;
        t1 = factor * (3 - 2) + 2 + 3 * near;
        t2 = factor * (7 - 3) + 3 + 5 * near;
        t3 = factor * (21 - 4) + 4 + 7 * near;
    } else {
        const int32_t factor = 256 / (maxval + 1);
        t1 = larger(2, 3 / factor + 3 * near);
        t2 = larger(3, 7 / factor + 5 * near);
        t3 = larger(4, 21 / factor + 7 * near);
    }
    presets.t1 = threshold(t1, near + 1, maxval);
    presets.t2 = threshold(t2, presets.t1, maxval);
    presets.t3 = threshold(t3, presets.t2, maxval);
    return presets;
}

static int bits_of(uint32_t number)
{
    return number == 0 ? 0 : 32 - __builtin_clz(number);
}

int jls_model_set(jls_model *model, int precision, int near, const jls_presets *presets)
{
    const int32_t most = (int32_t)((1u << precision) - 1u);
    const int32_t maxval = presets->maxval == 0 ? most : presets->maxval;
    jls_presets usual;

    if (maxval > most || near < 0 || near > 255 || near > maxval / 2)
        return 0;
    usual = jls_default_presets(maxval, near);
    model->maxval = maxval;
    model->near = near;
    model->step = 2 * near + 1;
    model->reciprocal = (uint32_t)((UINT64_C(1) << 32) / (uint32_t)model->step + (near > 0));
    model->range = (maxval + 2 * near) / model->step + 1;
    model->qbpp = bits_of((uint32_t)model->range - 1);
    model->bits = (uint8_t)larger(2, bits_of((uint32_t)maxval));
    model->limit = 2 * (model->bits + larger(8, model->bits));
    model->t1 = presets->t1 == 0 ? usual.t1 : presets->t1;
    model->t2 = presets->t2 == 0 ? usual.t2 : presets->t2;
    model->t3 = presets->t3 == 0 ? usual.t3 : presets->t3;
    model->reset = presets->reset == 0 ? usual.reset : presets->reset;
    if (model->t1 < near + 1 || model->t2 < model->t1 || model->t3 < model->t2 || model->t3 > maxval ||
        model->reset < 3 || model->reset > larger(255, maxval))
        return 0;
    model->is_exact = near == 0 && maxval == (1 << model->bits) - 1 && model->reset == JLS_USUAL_RESET &&
                      model->t3 < JLS_REACH;
    return 1;
}

static void restart_exact(jls_exact_contexts *all, const jls_model *model, uint32_t a, uint8_t k)
{
    for (int i = 0; i < JLS_CONTEXTS; i++)
        all->contexts[i] = (jls_exact_context){a, 0, 0, 1, k};
    memset(all->signed_room, 32 - k, sizeof all->signed_room);
    memcpy(all->parts, jls_parts, sizeof all->parts);
    for (int i = -JLS_REACH; i < JLS_REACH; i++) {
        const int size = i < 0 ? -i : i;
        const int q = (size > 0) + (size >= model->t1) + (size >= model->t2) + (size >= model->t3);
        all->quantised[JLS_REACH + i] = (int8_t)(i < 0 ? -q : q);
    }
}

void jls_model_restart(jls_model *model)
{
    const uint32_t a = (uint32_t)larger(2, (model->range + 32) / 64);
    const uint8_t k = (uint8_t)bits_of(a - 1); /* the least with 1 << k >= a */

    memset(model->run_index, 0, sizeof model->run_index);
    for (int i = 0; i < 2; i++)
        model->runs[i] = (jls_run_context){a, 1, 0};
    if (model->is_exact)
        restart_exact(&model->contexts.exact, model, a, k);
    else
        for (int i = 0; i < JLS_CONTEXTS; i++)
            model->contexts.general[i] = (jls_context){a, 0, 0, 1};
}
