/* lwIP's TCP output, which asks this server before a segment gets an IP header. */
#include <lwip/ip.h>
#include <lwip_hooks.h>

#undef ip_output_if
#define ip_output_if ant_lwip_send_segment
#include <core/tcp_out.c>  // NOLINT(bugprone-suspicious-include)
