// Received frames stay in the pages in which the driver moved them here; lwIP sees them through custom pbufs.
// A page that lwIP and the sockets no longer need goes back to the driver with the answer to its next ethinput.
#pragma once

#include "intrusive_list.hpp"
#include "return_list.hpp"

#include <lwip/pbuf.h>

#include <cstdint>

namespace ant::inet_server {

class ReceivePages {
public:
    // Pages that the protocol may hold together; beyond it frames are copied, or dropped.
    static constexpr unsigned capacity = 1024;

    // A pbuf over, or with a copy of, the frame; takes the page in any case. nullptr: no memory, dropped. Short frames are
    // copied: a page for each would let tiny segments hold on to all memory.
    pbuf* take_frame(std::uint64_t page, std::uint32_t offset, std::uint32_t bytes);
    // A copy of a frame that lies in somebody else's area.
    static pbuf* copy_frame(const void* frame, std::uint32_t bytes);
    // The page in which the bytes of this pbuf (not of the whole chain) lie: the caller's from now on. 0: they lie elsewhere.
    static std::uint64_t take_page(pbuf* p);

    // An empty page for whatever the caller likes. 0: no memory.
    std::uint64_t page();
    // Whether there will be one.
    bool has_spare();
    // A page to go back to the driver, 0 if there is none. One stays here, so that it need not be reserved (and zeroed) anew.
    std::uint64_t next_return() { return returns_.count() > 1 ? returns_.pop() : 0; }
    [[nodiscard]] bool many_return() const { return returns_.count() > ReturnList::capacity / 2; }
    void give_back(std::uint64_t page);

private:
    struct Buffer : pbuf_custom {
        std::uint64_t page;  // 0: taken
        ReceivePages* pages;
    };
    static void freed(pbuf* p);

    Pool<Buffer, capacity> buffers_;
    ReturnList returns_;
};

}  // namespace ant::inet_server
