/* Memory that is handed out from its beginning to its end, and then comes from somewhere else. */
#ifndef ANT_INET_SLAB_H
#define ANT_INET_SLAB_H

#include "lwip/opt.h"

#include "lwip/def.h"

struct slab {
    u8_t* at;
    size_t left;
};

/* `more` has ANT_CHUNK_BYTES, or nothing. */
static inline void* slab_take(struct slab* slab, size_t bytes, u8_t* (*more)(void)) {
    u8_t* taken;
    if (slab->left < bytes) {
        u8_t* chunk = more();
        if (chunk == NULL) return NULL;
        slab->at = chunk;
        slab->left = ANT_CHUNK_BYTES;
    }
    taken = slab->at;
    slab->at += bytes;
    slab->left -= bytes;
    return taken;
}

#endif
