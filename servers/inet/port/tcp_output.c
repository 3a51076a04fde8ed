/* lwIP's TCP output, which asks this server before a segment gets an IP header, and whether a short one may leave. */
#include <lwip/ip.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip_hooks.h>

#undef tcp_do_output_nagle
#define tcp_do_output_nagle(pcb) \
    (((pcb)->flags & TF_NODELAY) != 0 || (pcb)->unsent->next != NULL || (pcb)->unsent->len >= (pcb)->mss || \
     ant_lwip_short_segment_leaves(pcb))

#undef ip_output_if
#define ip_output_if ant_lwip_send_segment
#include <core/tcp_out.c>  // NOLINT(bugprone-suspicious-include)
