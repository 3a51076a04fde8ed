/* lwIP's IPv4, and the number that its next datagram gets, which lwIP keeps to itself. */
#include <core/ipv4/ip4.c> /* NOLINT(bugprone-suspicious-include): the variable is static */

#include <lwip_hooks.h>

void ant_lwip_number_datagrams(u16_t first) { ip_id = first; }
