// Random work of processes: whichever runs does something that it may do, or lets go.
#pragma once

#include "reference.hpp"

#include <random>

namespace ant::test {

class Actors {
public:
    Actors(World& world, u64 seed) : reference(world), w_(world), random_(seed) {}

    // One step: a system call of the running process, an interrupt, a kill, a replacement.
    void step();
    // Everything that is under way comes to its end.
    void drain();
    void populate();

    Reference reference;
    u64 kills = 0, replacements = 0, started = 0, timer_interrupts = 0;

private:
    u64 below(u64 limit) { return random_() % limit; }
    bool chance(unsigned percent) { return below(100) < percent; }
    template <class C>
    auto pick(const C& c) {
        auto it = c.begin();
        std::advance(it, below(c.size()));
        return *it;
    }

    void act(Process& p);
    void act_as_new_server(Process& p);
    void hand_over(ReferenceSlot& s);
    void keep(ReferenceSlot& s);
    void sweep(ReferenceSlot& s);
    void receive(ReferenceSlot& s, u64 timeout);
    void request(ReferenceSlot& s);
    void answer(ReferenceSlot& s, bool receive_as_well);
    void forward(ReferenceSlot& s, bool receive_as_well);
    void memory(ReferenceSlot& s);
    std::vector<SentArea> choose_data(ReferenceSlot& s, u64 control, u64& flags, u64& data, bool only_moves);
    void begin_receive(ReferenceSlot& s, u64 timeout);
    void call_as(ReferenceSlot& s, Syscall number, u64 a, u64 b, u64 c, u64 d, u64 e);
    void advance(u64 microseconds);
    void idle_step();
    void interrupt();
    void kill_somebody();
    void end_vacant();
    void replace_somebody();
    void start_one();
    void settle();

    World& w_;
    std::mt19937_64 random_;
    u64 number_ = 0;
    bool gentle_ = false;  // nothing new begins
};

}  // namespace ant::test
