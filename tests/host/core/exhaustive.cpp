// All interleavings of a few operations: a client, two servers, one of them replaced, one of them killed; or one whose slot
// outlives its processes, and that fails twice. A depth-first search that replays each path from the start of a new system;
// states seen before are not followed further.
#include "support/world.hpp"

#include <catch2/catch.hpp>

#include <iostream>
#include <map>
#include <string>

using namespace ant;
using namespace ant::test;

namespace {

enum class Op : u8 {
    request_async,
    request_sync,
    receive,
    reply,
    forward,
    forward_directly,
    replace,
    replace_as_paper,
    register_new,
    register_refused,
    hand_over,
    kill_relay,
    kill_server,
    kill_client,
    end_relay,
    time_passes,
    count_
};

// Client "a" calls relay "b", which answers or passes the call on to server "c".
class Trial {
public:
    explicit Trial(bool restart) : w_(1536 + 512), restart_(restart), kills_(restart ? 2 : 1), replacements_(restart ? 2 : 1) {
        for (const char* name : {"a", "b", "c"}) start(name);
        functions_[0] = w_.function(*processes_[1], "b.f", restart ? abi::function_attribute::redeliver : 0);
        functions_[1] = w_.function(*processes_[2], "c.f");
        control_[0] = w_.control(*processes_[0]);
        control_[1] = w_.control(*processes_[0]);
        area_ = w_.area(*processes_[0]);
    }

    // False: it makes no sense now.
    bool apply(Op op, unsigned who) {
        Process* p = actor(who);
        switch (op) {
            case Op::request_async:
                return who == 0 && ready(p) && send(*p, control_[0], Syscall::request_async, DataMode::lend_read);
            case Op::request_sync:
                return who == 0 && ready(p) && send(*p, control_[1], Syscall::request, DataMode::none);
            case Op::receive:
                if (!ready(p)) return false;
                w_.receive(*p, patience);
                return true;
            case Op::reply:
                return ready(p) && held(*p) != 0 && w_.reply(*p, held(*p), 1).error != Error::not_owner;
            case Op::forward:
            case Op::forward_directly: {
                if (who != 1 || !ready(p) || held(*p) == 0) return false;
                const u64 flags = op == Op::forward ? 0 : u64{abi::flag::direct_return} << 32;
                w_.forward(*p, functions_[1], held(*p), flags);
                return true;
            }
            case Op::replace:
            case Op::replace_as_paper:
                if (who != 0 || replacements_ == 0 || !there(1) || !alive(0)) return false;
                --replacements_;
                return bool{w_.replace_from_outside(*slot(0)->process, "b", op == Op::replace_as_paper, 1000)};
            case Op::register_new:
            case Op::register_refused: {
                Process* fresh = newcomer();
                if (who != 0 || fresh == nullptr || !ready(fresh)) return false;
                w_.register_server(*fresh, op == Op::register_new ? ~u64{0} : 0);
                return true;
            }
            case Op::hand_over:
                if (who != 1 || !ready(p) || slot(1)->replacement == nullptr) return false;
                w_.hand_over(*p);
                return true;
            case Op::kill_relay:
                return who == 0 && kill(1);
            case Op::kill_server:
                return who == 0 && kill(2);
            case Op::kill_client:
                return who == 0 && kill(0);
            case Op::end_relay:
                if (who != 0 || !restart_ || !there(1)) return false;
                w_.end(*slot(1));
                w_.finish_endings();
                return true;
            case Op::time_passes:
                return who == 0 && w_.advance(1000);
            case Op::count_:
                break;
        }
        return false;
    }

    void check() { w_.check(); }

    // What a state is, without numbers that only count.
    [[nodiscard]] std::string describe() const {
        std::string text;
        for (unsigned i = 0; i < 3; ++i) describe_slot(text, i);
        for (const u64 control : control_) describe_call(text, control);
        text += std::to_string(kills_) + std::to_string(replacements_);
        return text;
    }

    // Everybody answers what it has: then no call is left, and the client has heard of each exactly once.
    void finish() {
        for (unsigned turn = 0; turn < 100 && !calls_over(); ++turn) {
            bool any = false;
            for (unsigned i = 0; i < 3; ++i) {
                Process* p = actor(i);
                if (!ready(p)) continue;
                any = true;
                held(*p) != 0 ? w_.reply(*p, held(*p), 1) : w_.receive(*p, patience);
            }
            if (Process* fresh = newcomer(); ready(fresh)) w_.register_server(*fresh);
            if (there(1) && !alive(1) && newcomer() == nullptr) follow();
            if (!any) w_.advance(patience);
        }
        w_.finish_endings();
        w_.check();
        if (!calls_over()) FAIL("a call is never answered: " << describe());
        if (alive(0) && slot(0)->lent_count != 0) FAIL("a loan never ends");
    }

private:
    static constexpr u64 patience = 3000;  // microseconds

    [[nodiscard]] static bool calls_over() {
        for (const Control& c : controls)
            if (c.state != Control::State::free && c.state != Control::State::owned) return false;
        return true;
    }
    void start(const char* name) {
        const unsigned i = static_cast<unsigned>(name[0] - 'a');
        const bool outlives = restart_ && i == 1;
        processes_[i] =
            &w_.start(name, {.privileges = abi::privilege::replace, .flags = outlives ? abi::process_flag::restart : 0});
        keys_[i] = processes_[i]->slot->id();
        slots_[i] = processes_[i]->slot;
    }
    [[nodiscard]] bool there(unsigned i) const { return slots_[i]->alive && slots_[i]->id() == keys_[i]; }
    [[nodiscard]] bool alive(unsigned i) const { return there(i) && slots_[i]->process != nullptr; }
    // Somebody must answer what a vacant slot has.
    void follow() {
        if (!alive(0) || !w_.replace_from_outside(*slot(0)->process, "b", false, 1000)) w_.end(*slot(1));
    }
    [[nodiscard]] Slot* slot(unsigned i) const { return slots_[i]; }
    [[nodiscard]] Process* actor(unsigned i) const { return alive(i) ? slots_[i]->process : nullptr; }
    [[nodiscard]] static bool ready(const Process* p) {
        return p != nullptr && (p->state == Process::State::ready || p->state == Process::State::running);
    }
    [[nodiscard]] Process* newcomer() const {
        return there(1) && slots_[1]->replacement != nullptr ? slots_[1]->replacement->fresh : nullptr;
    }
    [[nodiscard]] u64 held(const Process& p) const {
        for (const u64 control : control_) {
            const Control& c = controls[(control - control_base) >> page_shift];
            if (c.holder == p.slot && c.state == Control::State::held) return control;
        }
        return 0;
    }
    bool send(Process& p, u64 control, Syscall number, DataMode mode) {
        const Control& c = controls[(control - control_base) >> page_shift];
        if (c.state != Control::State::owned || c.holder != p.slot || !there(1)) return false;
        w_.call(p, number, functions_[0] | mode_flags(mode), control, parameters_at(), mode == DataMode::none ? 0 : area_,
                number == Syscall::request ? 1500 : no_limit);
        return true;
    }
    bool kill(unsigned i) {
        if (kills_ == 0 || !alive(i)) return false;
        --kills_;
        w_.kill(*slots_[i]->process);
        w_.finish_endings();
        return true;
    }

    void describe_slot(std::string& text, unsigned i) const {
        if (!there(i)) {
            text += "dead;";
            return;
        }
        const Slot& s = *slots_[i];
        const auto running = [](Process::State state) {
            return state == Process::State::running ? Process::State::ready : state;
        };
        if (s.process != nullptr) {
            text += std::to_string(static_cast<int>(running(s.process->state)));
            text += s.process->deadline != 0 ? 't' : '-';
        }
        text += std::to_string(s.events) + "," + std::to_string(s.duties) + "," + std::to_string(s.lent_count) + "," +
                std::to_string(s.replacements);
        for (const Control* c = s.requests.front(); c != nullptr; c = c->link.next)
            text += "q" + std::to_string(c->index - controls_from());
        for (const Control* c = s.results.front(); c != nullptr; c = c->link.next)
            text += "r" + std::to_string(c->index - controls_from());
        for (const Control* c = s.deferred.front(); c != nullptr; c = c->link.next)
            text += (c == s.again ? "A" : "d") + std::to_string(c->index - controls_from());
        if (s.current != nullptr) text += "c" + std::to_string(s.current->index - controls_from());
        if (s.replacement != nullptr) {
            text += "R" + std::to_string(static_cast<int>(s.replacement->state));
            text += std::to_string(static_cast<int>(running(s.replacement->fresh->state)));
        }
        text += ';';
    }
    [[nodiscard]] u32 controls_from() const { return static_cast<u32>((control_[0] - control_base) >> page_shift); }
    void describe_call(std::string& text, u64 control) const {
        const Control& c = controls[(control - control_base) >> page_shift];
        text += std::to_string(static_cast<int>(c.state));
        if (c.state == Control::State::free) return;
        text += c.waiting != nullptr ? 'w' : '-';
        text += c.abandoned ? 'a' : '-';
        text += std::to_string(c.result_error);
        for (unsigned i = 0; i < c.depth; ++i)
            text += "f" + std::to_string(c.frames[i].flags) + std::to_string(c.frames[i].requester->index);
    }

    World w_;
    Process* processes_[3] = {};
    Slot* slots_[3] = {};
    u32 keys_[3] = {};
    u32 functions_[2] = {};
    u64 control_[2] = {};
    u64 area_ = 0;
    bool restart_ = false;
    unsigned kills_, replacements_;  // that may still come
};

// Who may do it at all: the others need not be tried.
constexpr bool makes_sense(Op op, u8 who) {
    switch (op) {
        case Op::receive:
        case Op::reply:
            return true;
        case Op::forward:
        case Op::forward_directly:
        case Op::hand_over:
            return who == 1;
        default:
            return who == 0;
    }
}

struct Move {
    Op op;
    u8 who;
};

class Search {
public:
    // From this beginning `depth` further operations.
    void run(std::vector<Move> path, std::size_t depth, bool restart = false) {
        restart_ = restart;
        depth_ = path.size() + depth;
        seen_.clear();
        explore(path);
        states += seen_.size();
    }
    std::size_t states = 0, paths = 0;

private:
    void explore(std::vector<Move>& path) {
        if (path.size() == depth_) return;
        for (u8 op = 0; op < static_cast<u8>(Op::count_); ++op) {
            for (u8 who = 0; who < 3; ++who) {
                if (!makes_sense(static_cast<Op>(op), who)) continue;
                path.push_back({static_cast<Op>(op), who});
                if (step(path)) explore(path);
                path.pop_back();
            }
        }
    }

    // Replays the path. True when it ends in a state not seen before with as much depth left.
    bool step(const std::vector<Move>& path) {
        std::string text;
        for (const Move& m : path) text += std::to_string(static_cast<int>(m.op)) + ":" + std::to_string(m.who) + " ";
        INFO("path (operation:process) " << text);
        Trial trial(restart_);
        for (const Move& m : path)
            if (!trial.apply(m.op, m.who)) return false;
        ++paths;
        const std::string state = trial.describe();
        const auto [found, is_new] = seen_.try_emplace(state, path.size());
        if (!is_new && found->second <= path.size()) return false;
        found->second = path.size();
        if (is_new) {
            trial.check();
            trial.finish();
        }
        return true;
    }

    std::size_t depth_ = 0;
    bool restart_ = false;
    std::map<std::string, std::size_t> seen_;
};

}  // namespace

TEST_CASE("every interleaving of a few calls, a replacement and a kill keeps the invariants", "[exhaustive]") {
    constexpr Move ask{Op::request_async, 0}, ask_and_wait{Op::request_sync, 0}, take{Op::receive, 1};
    Search search;
    search.run({}, 4);
    search.run({ask, take}, 4);
    search.run({ask_and_wait, take, {Op::forward, 1}}, 3);
    search.run({ask, {Op::replace, 0}, {Op::register_new, 0}}, 4);
    search.run({ask, ask_and_wait, {Op::replace_as_paper, 0}, {Op::hand_over, 1}}, 3);
    std::cout << "explored " << search.states << " states by " << search.paths << " paths\n";
    CHECK(search.states > 1000);
}

TEST_CASE("every interleaving of a few calls, failures and restarts keeps the invariants", "[exhaustive]") {
    constexpr Move ask{Op::request_async, 0}, ask_and_wait{Op::request_sync, 0}, take{Op::receive, 1};
    constexpr Move fail{Op::kill_relay, 0}, follow{Op::replace, 0}, enter{Op::register_new, 0};
    Search search;
    search.run({fail}, 4, true);
    search.run({ask, take, fail}, 4, true);
    search.run({ask_and_wait, take, {Op::forward, 1}, fail}, 3, true);
    search.run({ask, follow, enter, fail}, 3, true);  // with a prepared successor
    search.run({ask, take, fail, follow, enter, take}, 3, true);
    std::cout << "explored " << search.states << " states by " << search.paths << " paths\n";
    CHECK(search.states > 300);
}
