// BSD sockets, over inet.
#pragma once

#include <span>

#include "descriptors.hpp"
#include "foreign.hpp"

namespace ant::foreign {

Answer call_socket(const Arguments& arguments);
Answer call_bind(const Arguments& arguments);
Answer call_listen(const Arguments& arguments);
Answer call_accept(const Arguments& arguments, int flags);
Answer call_connect(const Arguments& arguments);
Answer call_shutdown(const Arguments& arguments);
Answer call_sendto(const Arguments& arguments);
Answer call_recvfrom(const Arguments& arguments);
Answer call_sendmsg(const Arguments& arguments);
Answer call_recvmsg(const Arguments& arguments);
Answer call_getsockname(const Arguments& arguments);
Answer call_getpeername(const Arguments& arguments);

// send and receive with Linux's message flags; `to` and `from` may be nullptr.
Answer send(OpenFile& file, std::span<const std::byte> data, int flags, const inet::Address* to);
Answer receive(OpenFile& file, std::span<std::byte> data, int flags, inet::Address* from);

}  // namespace ant::foreign
