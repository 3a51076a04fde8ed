#include "session.hpp"

#include "commands.hpp"
#include "interrupt_watch.hpp"
#include "replacement_text.hpp"

#include <ant/interface/guardian.hpp>
#include <ant/server.hpp>
#include <ant/state.hpp>

#include <optional>

namespace ant::shell {

constinit Session* session = nullptr;

namespace {

constinit std::optional<StateArea> state;

Result<> take_over() {
    state = ANT_TRY(StateArea::adopt(ANT_TRY(sys::state_fetch())));
    session = state->as<Session>();
    return session != nullptr ? Result<>{} : Failure(Error::state_refused);
}

Result<> start_anew() {
    state = ANT_TRY(StateArea::create(sizeof(Session), session_format));
    session = state->as<Session>();
    return {};
}

void hand_over() {
    state->seal();
    controls::release_all();
    (void)sys::hand_over();  // comes back only when the replacement was cancelled
}

int print_results(const guardian::Replaced& replaced) {
    int result = status::success;
    for (unsigned i = 0; i < replaced.count && i < guardian::max_replace; ++i)
        if (const int one = print_replacement(replaced.result[i]); one != status::success) result = one;
    return result;
}

}  // namespace

Result<> begin_session() {
    const sys::Registration registration = ANT_TRY(sys::server_register(1U << session_format));
    if (registration.how == abi::Registered::fresh) return start_anew();
    InterruptWatch::withdraw();  // of the shell before
    if (registration.how == abi::Registered::replaced) return take_over();
    const auto before = sys::state_fetch();
    (void)AreaKeeper{}.sweep();
    ANT_TRY(start_anew());
    if (before) (void)sys::ica_release(before->address);
    return {};
}

int finish_replacement() {
    for (;;) {
        const auto finished = next_result(no_limit, hand_over);
        if (!finished) continue;
        if (finished->control != session->replacement) {
            forget(*finished);
            continue;
        }
        session->replacement = 0;
        const int result =
            finished->error == Error::none ? print_results(finished->result<guardian::Replaced>()) : fail(finished->error);
        forget(*finished);
        return result;
    }
}

}  // namespace ant::shell
