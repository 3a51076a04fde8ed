/* lwIP's pools of control blocks, instead of its memp.c, which has memory for all elements of all pools, and begins by linking
 * them: that takes longer than everything else that a process does until it serves. Here an element is made when it is wanted for
 * the first time; each pool has a limit, so that a flood of one kind cannot use up the others. */
#include "lwip/memp.h"

/* Whose sizes are wanted. */
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/ip4_frag.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"

#include "slab.h"

struct element {
    struct element* next;
};

struct pool {
    u16_t bytes, limit, begun; /* so many elements have been made */
    struct element* free;
};

static struct pool pools[MEMP_MAX] = {
#define LWIP_MEMPOOL(name, num, size, desc) {LWIP_MEM_ALIGN_SIZE(size), num, 0, NULL},
#include "lwip/priv/memp_std.h"
};

static u8_t first_elements[ANT_CHUNK_BYTES] __attribute__((aligned(MEM_ALIGNMENT)));
static struct slab elements = {first_elements, sizeof first_elements};

void memp_init(void) {}

void* memp_malloc(memp_t type) {
    struct pool* pool = &pools[type];
    struct element* element = pool->free;
    if (element != NULL) {
        pool->free = element->next;
        return element;
    }
    if (pool->begun == pool->limit) return NULL;
    element = slab_take(&elements, pool->bytes, ant_lwip_more_elements);
    if (element != NULL) ++pool->begun;
    return element;
}

void memp_free(memp_t type, void* mem) {
    struct element* element = mem;
    if (element == NULL) return;
    element->next = pools[type].free;
    pools[type].free = element;
}
