// Packets on their way to the NIC driver. linkoutput adds them to a batch; when the handler or timer that made
// them is done, the batch goes to the driver in one call. Only what is short, as headers are, is copied, into the call: the
// driver gets the areas of the rest on loan.
#pragma once

#include "large_send.hpp"
#include "packet_memory.hpp"
#include "sent_areas.hpp"

#include <ant/client.hpp>
#include <ant/interface/nic.hpp>
#include <ant/server.hpp>

#include <lwip/err.h>
#include <lwip/pbuf.h>

#include <cstdint>

namespace ant::inet_server {

class Transmitter {
public:
    struct Counters {
        std::uint64_t packets = 0, bytes = 0, dropped = 0, direct_returns = 0;
    };

    // `commit`: writes the records that changed, before a packet leaves that tells of it.
    Transmitter(SentAreas& areas, const PacketMemory& memory, void (*commit)())
        : areas_{areas}, memory_{memory}, commit_{commit} {}

    void attach(Client* driver, std::uint32_t features);
    // linkoutput: ERR_MEM when too much is under way.
    err_t add(pbuf* packet);
    // A segment that TCP sends joins the last packet. Its headers (`packet` begins with TCP's) are not used: of this one the card
    // gets the bytes only. They lie in an area that is kept while it is on loan, so that `packet` itself need not be. False: it
    // cannot.
    [[nodiscard]] bool append(const pbuf* packet, const TcpSegment& segment);
    // Sends the batch to the driver.
    void flush();
    // Sends it by passing on the call; the driver's answer, `answer`, goes straight to the AP. False: not possible this time, the
    // batch is still here and the call as well.
    bool pass_on(Call call, std::uint32_t answer);
    // The driver answered.
    void completed(std::uint64_t control, Error error);
    // True, once: packets were refused for want of room, and now there is some.
    bool may_retry();
    [[nodiscard]] const Counters& counters() const { return counters_; }

private:
    static constexpr unsigned max_packets = 64;  // on the wire: no more than a card's receive ring, should it be as fast as this
    static constexpr unsigned max_fragments = 128;
    static constexpr unsigned max_pieces = 8;         // of one packet; more are copied into one
    static constexpr unsigned max_large_pieces = 32;  // of a large send
    static constexpr unsigned max_flights = 32;
    static constexpr std::uint32_t most_copied = 768;  // bytes for one batch

    struct Flight {                 // a batch that the driver has
        std::uint64_t control = 0;  // of the call
        unsigned count = 0;         // 0: unused
        unsigned held = 0;          // packets that it reads
        pbuf* packet[max_packets];
    };

    [[nodiscard]] bool has_room(unsigned pieces) const;
    err_t add_pieces(pbuf* packet);
    std::uint64_t lend_area_of(std::uint64_t address);
    void add_piece(std::uint64_t address, std::uint32_t bytes);
    void add_fragments(pbuf* packet);
    [[nodiscard]] std::uint16_t offload_flags(const pbuf* packet) const;
    Flight* free_flight();
    std::uint32_t write_parameters(std::uint64_t control, std::uint32_t answer) const;
    void copy_into(nic::Fragment* fragments, std::uint64_t& end) const;
    void depart(Flight& flight, std::uint64_t control);
    static void release(Flight& flight);
    void free_packets();
    void drop_batch();
    void clear_batch() {
        packet_count_ = fragment_count_ = area_count_ = segments_ = in_call_ = 0;
        lends_packets_ = false;
        large_.end();
    }

    SentAreas& areas_;
    const PacketMemory& memory_;
    void (*commit_)();
    Client* driver_ = nullptr;
    std::uint32_t features_ = 0;

    // The batch.
    unsigned packet_count_ = 0, fragment_count_ = 0, area_count_ = 0;
    unsigned segments_ = 0;      // packets as they will be on the wire
    std::uint32_t in_call_ = 0;  // bytes of fragments that will lie in the call
    // The last one, as long as segments of its connection may be appended to it.
    LargeSend large_;
    unsigned large_first_ = 0;  // its first fragment
    // Whether packets themselves are on loan. Areas with sent bytes look after themselves: they stay while they are.
    bool lends_packets_ = false;
    std::uint64_t last_area_end_ = 0;  // of the area in which the last fragment lies
    pbuf* packets_[max_packets];
    nic::Fragment fragments_[max_fragments];
    abi::DataListEntry lent_[abi::max_data_list];

    Flight flights_[max_flights];
    bool refused_ = false;
    Counters counters_;
};

}  // namespace ant::inet_server
