/* Where lwIP asks this server (LWIP_HOOK_FILENAME). */
#ifndef ANT_INET_LWIP_HOOKS_H
#define ANT_INET_LWIP_HOOKS_H

#include "lwip/ip_addr.h"
#include "lwip/err.h"

#ifdef __cplusplus
extern "C" {
#endif
struct tcp_pcb;
struct tcp_hdr;
struct pbuf;
u32_t ant_lwip_initial_sequence(const ip_addr_t* local_ip, u16_t local_port, const ip_addr_t* remote_ip, u16_t remote_port);
err_t ant_lwip_segment_arrives(struct tcp_pcb* pcb, const struct tcp_hdr* header, const struct pbuf* bytes);
/* lwip.c */
const u32_t* ant_lwip_next_timer(void);
/* ip4_numbers.c */
void ant_lwip_number_datagrams(u16_t first);
/* tcp_restore.cpp */
err_t ant_lwip_connection_receives(struct tcp_pcb* pcb, const struct tcp_hdr* header, const struct pbuf* bytes);
err_t ant_lwip_output_after_input(struct tcp_pcb* pcb);
int ant_lwip_short_segment_leaves(struct tcp_pcb* pcb);
/* lwip_port.cpp: instead of ip_output_if, for what TCP sends */
struct netif;
err_t ant_lwip_send_segment(struct pbuf* p, const ip_addr_t* source, const ip_addr_t* destination, u8_t ttl, u8_t tos,
                            u8_t protocol, struct netif* netif);
u32_t* ant_lwip_connection_sends(const struct tcp_pcb* pcb, u32_t* options);
#ifdef __cplusplus
}
#endif

/* RFC 6528: numbers that nobody outside can guess. */
#define LWIP_HOOK_TCP_ISN ant_lwip_initial_sequence
/* Makes room in a listener's backlog before a flood of half-open connections shuts honest peers out, and marks
 * connections whose records change. */
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, header, options, options_1, options_2, p) ant_lwip_segment_arrives(pcb, header, p)
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, header, pcb, options) ant_lwip_connection_sends(pcb, options)

#endif
