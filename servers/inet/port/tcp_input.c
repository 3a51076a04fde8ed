/* lwIP's TCP input, whose sending at the end of each segment is this server's to decide. */
#include <lwip/tcp.h>

#include <lwip_hooks.h>

#define tcp_output ant_lwip_output_after_input
#include <core/tcp_in.c>  // NOLINT(bugprone-suspicious-include)
