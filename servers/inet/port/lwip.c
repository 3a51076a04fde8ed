/* lwIP as one unit: the compiler then sees through the small functions that each packet passes through. */
// NOLINTBEGIN(bugprone-suspicious-include)
#include "ip4_numbers.c"

#include <core/def.c>
#include <core/dns.c>
#include <core/inet_chksum.c>
#include <core/init.c>
#include <core/ip.c>
#include <core/ipv4/dhcp.c>
#include <core/ipv4/etharp.c>
#include <core/ipv4/icmp.c>
#include <core/ipv4/ip4_addr.c>
#include <core/ipv4/ip4_frag.c>
#include <core/netif.c>
#include <core/pbuf.c>
#include <core/raw.c>
#include <core/stats.c>
#include <core/tcp.c>
#include <core/timeouts.c>
#include <core/udp.c>
#include <netif/ethernet.c>

/* When the next timer is due, as sys_now counts; NULL: there is none. */
const u32_t* ant_lwip_next_timer(void) { return next_timeout == NULL ? NULL : &next_timeout->time; }

#include "heap.c"
#include "pools.c"
#include "tcp_output.c"
/* The last one: it calls tcp_output by another name. */
#include "tcp_input.c"
// NOLINTEND(bugprone-suspicious-include)
