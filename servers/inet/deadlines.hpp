// Deadlines of calls that wait, in order of time.
#pragma once

#include "intrusive_list.hpp"

#include <cstdint>

namespace ant::inet_server {

struct DeadlineTag;

struct Deadline : Linked<Deadline, DeadlineTag> {
    std::uint64_t at_ns = 0;
};

class Deadlines {
public:
    // New deadlines are mostly later than those that are there: the search begins at the end.
    void add(Deadline& deadline, std::uint64_t at_ns) {
        deadline.at_ns = at_ns;
        Deadline* later = nullptr;
        for (Deadline* d = list_.back(); d != nullptr && d->at_ns > at_ns; d = list_.before(d)) later = d;
        list_.insert_before(&deadline, later);
    }
    static void remove(Deadline& deadline) {
        if (deadline.linked()) List<Deadline, DeadlineTag>::remove(&deadline);
    }
    // The earliest one that has passed, no longer in the list; nullptr if there is none.
    Deadline* expired(std::uint64_t now_ns) {
        Deadline* first = list_.front();
        if (first == nullptr || first->at_ns > now_ns) return nullptr;
        return list_.pop_front();
    }
    // ~0: none.
    std::uint64_t next() {
        const Deadline* first = list_.front();
        return first == nullptr ? ~std::uint64_t{0} : first->at_ns;
    }

private:
    List<Deadline, DeadlineTag> list_;
};

}  // namespace ant::inet_server
