// What the calls of the system ought to be doing, kept apart from the core: who asked, who has each call, what its
// answer must be, who owns which area. It knows nothing of the core's data structures.
#pragma once

#include "../support/world.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace ant::test {

using Key = u32;  // number of a slot, unique for a long time

struct SentArea {
    u64 address;
    DataMode mode;
};

struct Stage {
    Key requester;
    u32 function;
    bool direct;
    std::vector<SentArea> data;
};

struct ReferenceCall {
    enum class Where { queued, held, answered };
    u64 control = 0, serial = 0, core_id = 0;
    bool sync = false, abandoned = false;
    bool doomed = false;  // its holder is ending: an error follows
    Where where = Where::queued;
    Key at = 0;
    std::vector<Stage> stages;
    u64 deadline = 0;
    Error error = Error::none;
    u64 value = 0;
    std::vector<u64> result_areas;
    bool result_list = false;  // then no receipt names them

    [[nodiscard]] u64 result_data() const { return result_list || result_areas.empty() ? 0 : result_areas[0]; }
};

struct ReferenceArea {
    u64 pages = 0, token = 0;
    unsigned loans = 0;
    bool under_way = false;
};

struct ReferenceSlot {
    enum class Pending { none, receive, request };
    Slot* slot = nullptr;
    Process* process = nullptr;  // null: vacant
    Key key = 0;
    std::string name;
    std::vector<u32> functions;
    Pending pending = Pending::none;
    u64 pending_call = 0, deadline = 0;  // ticks
    bool told = false;                   // that it is to be replaced
    bool just_asked = false;             // its receive is the step's
    u64 reserving = 0;                   // pages of a reservation that goes in steps
    bool sweeping = false;
    std::set<u64> to_keep, kept_by_calls;  // of the sweep
    unsigned interrupts = 0;               // raised and not yet received
    u64 current = 0;
    std::optional<ReferenceCall> unseen;     // what its process has been given and has not run with, as it was before
    std::deque<u64> queue, deferred, again;  // `again`: held, and to be delivered once more
    std::set<u64> held, owned_controls;
    std::map<u64, ReferenceArea> areas;
};

class Reference {
public:
    explicit Reference(World& world) : w_(world) {}

    std::map<Key, ReferenceSlot> slots;
    std::map<u64, ReferenceCall> calls;  // by control ICA
    u64 answered = 0, dropped = 0, redelivered = 0, restarts = 0, taken_back = 0;
    std::set<u32> safe;                  // functions that may be delivered again
    std::set<const Process*> demanding;  // new servers that want deferred calls again

    ReferenceSlot& add(Process& process, const std::string& name);
    [[nodiscard]] ReferenceSlot* of(const Process& process);
    [[nodiscard]] bool alive(Key key) const { return slots.contains(key); }

    // The slot is replaced in the order of the paper: its process is to look for that first.
    void take_back(ReferenceSlot& s);
    // The slot's current call is put aside.
    void put_aside(ReferenceSlot& s);
    // Areas that outlive a sweep without being kept: they belong to calls.
    [[nodiscard]] std::set<u64> kept_by_calls(const ReferenceSlot& s) const;
    void swept(ReferenceSlot& s, const std::set<u64>& kept, const std::set<u64>& perhaps, u64 released);

    // The core has accepted these.
    void sent(ReferenceSlot& from, ReferenceSlot& to, u64 control, u32 function, bool sync, u64 deadline,
              std::vector<SentArea> data);
    void forwarded(ReferenceSlot& from, ReferenceSlot& to, u64 control, u32 function, bool direct, std::vector<SentArea> data);
    // -> what the core ought to have said
    Error replied(ReferenceSlot& from, u64 control, Error error, u64 value, std::vector<u64> data, bool list);

    // After a step: deaths, successors, errors of ending servers; then whoever came back from a wait.
    void timer_fired();
    void observe();

    // Fails the test when core and reference disagree about what there is.
    void compare() const;
    void compare_counts() const;
    [[nodiscard]] std::string calls_left() const;

private:
    void take_data(ReferenceSlot& from, ReferenceSlot& to, const std::vector<SentArea>& data);
    void end_stage(const Stage& stage, bool received);
    // -> somebody gets the answer
    bool route(ReferenceCall& call, Error error, u64 value, std::vector<u64> data, bool list = false);
    void find_deaths();
    void vacated(ReferenceSlot& s);
    void changed_hands(ReferenceSlot& s, bool restarted);
    void leave(ReferenceSlot& s, u64 control);
    void find_failed();
    void came_back(ReferenceSlot& s);
    void came_back_from_request(ReferenceSlot& s, const Outcome& o);
    void received(ReferenceSlot& s, const Outcome& o);
    void received_request(ReferenceSlot& s, const Outcome& o);
    void received_result(ReferenceSlot& s, const Outcome& o);
    void arrived(ReferenceSlot& s, u64 address, DataMode mode);
    [[nodiscard]] bool at_once(const ReferenceSlot& s) const { return s.just_asked && w_.running() == s.process; }
    [[nodiscard]] bool certain_result(const ReferenceSlot& s) const;
    void erase(u64 control);

    World& w_;
    u64 serial_ = 0;
};

}  // namespace ant::test
