// lwIP looks for the connection of a segment from the beginning of its list, and moves what it finds there. For many connections
// that take turns each is found at the end. So the connection is put there before, without a search.
#include "tcp_restore.hpp"

namespace ant::inet_server {

namespace {

bool is_of(const tcp_pcb& pcb, const SegmentName& name) {
    return pcb.remote_port == name.remote_port && pcb.local_port == name.local_port &&
           ip4_addr_get_u32(ip_2_ip4(&pcb.remote_ip)) == name.remote_ip &&
           ip4_addr_get_u32(ip_2_ip4(&pcb.local_ip)) == name.local_ip;
}

// Of those that lwIP has, in the list of the active ones.
bool is_active(const tcp_pcb& pcb) { return pcb.state != CLOSED && pcb.state != LISTEN && pcb.state != TIME_WAIT; }

}  // namespace

bool Connections::before_is_known(const Slot& slot) {
    return slot.before != nullptr && slot.before->pcb != nullptr && slot.before->pcb->next == slot.pcb;
}

void Connections::learn_order() {
    Slot* before = nullptr;
    for (const tcp_pcb* pcb = tcp_active_pcbs; pcb != nullptr; pcb = pcb->next) {
        Slot* slot = slot_of(*pcb);
        if (slot != nullptr) slot->before = before;
        before = slot;
    }
}

bool Connections::expect(std::span<const std::uint8_t> frame) {
    const auto name = segment_in(frame);
    if (!name) return false;
    Slot* slot = recent_[recent_index(name->remote_ip, name->remote_port, name->local_port)];
    if (slot == nullptr || slot->pcb == nullptr || !is_of(*slot->pcb, *name) || !is_active(*slot->pcb)) return false;
    return tcp_active_pcbs == slot->pcb || bring_to_front(*slot);
}

bool Connections::bring_to_front(Slot& slot) {
    if (!before_is_known(slot)) learn_order();
    if (!before_is_known(slot)) return false;
    tcp_pcb& pcb = *slot.pcb;
    slot.before->pcb->next = pcb.next;
    if (Slot* after = pcb.next == nullptr ? nullptr : slot_of(*pcb.next); after != nullptr) after->before = slot.before;
    if (Slot* front = slot_of(*tcp_active_pcbs); front != nullptr) front->before = &slot;
    pcb.next = tcp_active_pcbs;
    tcp_active_pcbs = &pcb;
    return true;
}

}  // namespace ant::inet_server
