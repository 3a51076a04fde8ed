/* Configuration of lwIP for this server: raw API, no threads, IPv4. */
#ifndef ANT_INET_LWIPOPTS_H
#define ANT_INET_LWIPOPTS_H

#include <stdint.h>

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_HOOK_FILENAME "lwip_hooks.h"

/* Memory. Packet buffers come from data areas (the driver reads them there); a flood of one kind of control block cannot use up
 * the others. Both grow with what is needed (heap.c, pools.c). */
#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 0
#define MEMP_MEM_MALLOC 0
#define ANT_HEAP_BYTES (512 * 1024)
#define MEM_SIZE (ANT_HEAP_BYTES - 4096) /* and what it puts in front and behind */
#define ANT_BLOCK_BYTES 96               /* the headers of a packet with all options, or the shortest frame */
#define ANT_CHUNK_BYTES (64 * 1024)
#ifdef __cplusplus
extern "C" {
#endif
extern uint8_t* ant_lwip_heap;
/* Chunks. NULL: no memory. Blocks may be lent to the driver, and begin with one that the process before has left. */
uint8_t* ant_lwip_more_blocks(void);
uint8_t* ant_lwip_more_elements(void);
#ifdef __cplusplus
}
#endif
#define LWIP_RAM_HEAP_POINTER ant_lwip_heap
#define PBUF_POOL_SIZE 4 /* nothing of lwIP that is used here takes from it: frames arrive in areas of their own */
#define PBUF_POOL_BUFSIZE 1600
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define PBUF_LINK_HLEN 14
#define MEMP_NUM_PBUF 16384
#define MEMP_NUM_TCP_PCB 192
#define MEMP_NUM_TCP_PCB_LISTEN 32
#define MEMP_NUM_TCP_SEG 16384 /* for a full send buffer on a hundred connections whose clients do not read */
#define MEMP_NUM_UDP_PCB 68
#define MEMP_NUM_RAW_PCB 2
#define MEMP_NUM_REASSDATA 8
#define MEMP_NUM_FRAG_PBUF 64
#define MEMP_NUM_ARP_QUEUE 32
#define MEMP_NUM_SYS_TIMEOUT 24

/* Link and addresses. */
#define LWIP_ARP 1
#define ARP_TABLE_SIZE 32
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 4
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define DHCP_DOES_ARP_CHECK 0
#define LWIP_AUTOIP 0
#define LWIP_DNS 1
#define DNS_MAX_SERVERS 2
#define DNS_TABLE_SIZE 8
#define DNS_MAX_NAME_LENGTH 256
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_LOOPBACK_MAX_PBUFS 64
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LINK_CALLBACK 0
#define LWIP_NETIF_STATUS_CALLBACK 0
#define LWIP_NETIF_HOSTNAME 0

/* IP. */
#define IP_FORWARD 0
#define IP_FRAG 1
#define IP_REASSEMBLY 1
#define IP_REASS_MAX_PBUFS 64
#define IP_REASS_FREE_OLDEST 1
#define IP_REASS_MAXAGE 10
#define IP_SOF_BROADCAST 1
#define IP_SOF_BROADCAST_RECV 1
#define LWIP_ICMP 1
#define LWIP_RAW 1
#define LWIP_UDP 1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1

/* TCP. */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* they assume that frames arrive in PBUF_POOL */
#define LWIP_TCP 1
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 2
#define TCP_WND (192 * 1024)
#define TCP_SND_BUF (192 * 1024)
#define TCP_SND_QUEUELEN 768
#define TCP_SNDLOWAT (16 * 1024)
#define TCP_OVERSIZE TCP_MSS
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_BYTES TCP_WND
#define TCP_OOSEQ_MAX_PBUFS 160
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_MAX_SACK_NUM 4
#define LWIP_TCP_TIMESTAMPS 0
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 16
#define LWIP_TCP_KEEPALIVE 1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1 /* which record a connection has */
#define TCP_MSL 5000UL
#define TCP_SYNMAXRTX 5
#define SO_REUSE 1

/* Figures for `interface`. */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define LINK_STATS 0
#define ETHARP_STATS 0
#define IP_STATS 1
#define IPFRAG_STATS 0
#define ICMP_STATS 1
#define UDP_STATS 1
#define TCP_STATS 1
#define MEM_STATS 1
#define MEMP_STATS 0
#define SYS_STATS 0
#define MIB2_STATS 1

#endif
