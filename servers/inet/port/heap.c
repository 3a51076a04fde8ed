/* lwIP's heap, and in front of it blocks of one size: the headers of each packet lie in one, and so do short frames. To find a
 * place in the heap, and to join it with its neighbours afterwards, takes ten times as long. There are as many blocks as are
 * needed: more areas of them are asked for when all are in use. */
#include "lwip/opt.h"

#include "lwip/mem.h"

#include "slab.h"

static void* heap_malloc(mem_size_t bytes);
static void heap_free(void* memory);
static void* heap_trim(void* memory, mem_size_t bytes);

#define mem_malloc heap_malloc
#define mem_free heap_free
#define mem_trim heap_trim
#include <core/mem.c>  // NOLINT(bugprone-suspicious-include)
#undef mem_malloc
#undef mem_free
#undef mem_trim

struct block {
    struct block* next;
};

static struct block* free_blocks;
static struct slab blocks;

static int in_heap(const void* memory) { return (mem_ptr_t)((const u8_t*)memory - ant_lwip_heap) < ANT_HEAP_BYTES; }

void* mem_malloc(mem_size_t bytes) {
    struct block* block = free_blocks;
    if (bytes > ANT_BLOCK_BYTES) return heap_malloc(bytes);
    if (block != NULL) {
        free_blocks = block->next;
        return block;
    }
    block = slab_take(&blocks, ANT_BLOCK_BYTES, ant_lwip_more_blocks);
    return block != NULL ? block : heap_malloc(bytes);
}

void mem_free(void* memory) {
    struct block* block = memory;
    if (in_heap(memory)) {
        heap_free(memory);
        return;
    }
    block->next = free_blocks;
    free_blocks = block;
}

void* mem_trim(void* memory, mem_size_t bytes) { return in_heap(memory) ? heap_trim(memory, bytes) : memory; }
