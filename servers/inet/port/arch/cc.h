/* lwIP's compiler and platform port. C, and read by C++ as well. */
#ifndef ANT_INET_ARCH_CC_H
#define ANT_INET_ARCH_CC_H

#include <limits.h>
#include <stdint.h>

#define LWIP_NO_LIMITS_H 1
#define LWIP_NO_UNISTD_H 1
/* As the C library has it; lwIP alone would take int. */
typedef long ssize_t;
#ifndef SSIZE_MAX
#define SSIZE_MAX __LONG_MAX__
#endif
#define LWIP_NO_CTYPE_H 1
/* A few bytes, mostly: the compiler knows how many. */
#define MEMCPY(to, from, bytes) __builtin_memcpy(to, from, bytes)
#define SMEMCPY(to, from, bytes) __builtin_memcpy(to, from, bytes)
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)
#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif

#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"

#ifdef __cplusplus
extern "C" {
#endif
uint32_t ant_lwip_random(void);
uint16_t ant_lwip_checksum(const void* data, int bytes);
void ant_lwip_print(const char* text, ...) __attribute__((format(printf, 1, 2)));
void ant_lwip_contradiction(const char* text) __attribute__((noreturn));
#ifdef __cplusplus
}
#endif

#define LWIP_RAND() ant_lwip_random()
#define LWIP_CHKSUM ant_lwip_checksum
#define LWIP_PLATFORM_DIAG(x) \
    do {                      \
        ant_lwip_print x;     \
    } while (0)
#define LWIP_PLATFORM_ASSERT(x) ant_lwip_contradiction(x)

#endif
