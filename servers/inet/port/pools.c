/* lwIP's pools of control blocks, instead of its memp.c, which begins by linking all elements of all pools: that takes
 * longer than everything else that a process does until it serves. Here a pool hands out its elements in the order of
 * their addresses until each has been used, and then those that were given back. */
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

#define LWIP_MEMPOOL(name, num, size, desc) LWIP_MEMPOOL_DECLARE(name, num, size, desc)
#include "lwip/priv/memp_std.h"

const struct memp_desc* const memp_pools[MEMP_MAX] = {
#define LWIP_MEMPOOL(name, num, size, desc) &memp_##name,
#include "lwip/priv/memp_std.h"
};

static u16_t begun[MEMP_MAX]; /* elements that have been used at least once */

void memp_init(void) {}

void* memp_malloc(memp_t type) {
    const struct memp_desc* pool = memp_pools[type];
    struct memp* element = *pool->tab;
    if (element != NULL) {
        *pool->tab = element->next;
        return element;
    }
    if (begun[type] == pool->num) return NULL;
    u8_t* first = LWIP_MEM_ALIGN(pool->base);
    return first + (size_t)begun[type]++ * pool->size;
}

void memp_free(memp_t type, void* mem) {
    struct memp* element = mem;
    if (element == NULL) return;
    element->next = *memp_pools[type]->tab;
    *memp_pools[type]->tab = element;
}
