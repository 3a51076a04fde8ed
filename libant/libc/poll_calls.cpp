#include "poll_calls.hpp"

#include <ant/process.hpp>

#include <asm/poll.h>

#include "descriptors.hpp"
#include "linux_sockets.hpp"
#include "terminal.hpp"
#include "time_calls.hpp"

namespace ant::foreign {

namespace {

constexpr std::uint64_t for_ever = ~std::uint64_t{0};
// The console has no call that waits together with sockets: while both are waited for, it is looked at that often.
constexpr std::uint64_t terminal_interval_us = 20'000;

// Time left until `deadline` (for_ever: no limit).
std::uint64_t left(std::uint64_t deadline_us) {
    if (deadline_us == for_ever) return for_ever;
    const std::uint64_t now = clock_us();
    return now < deadline_us ? deadline_us - now : 0;
}

std::uint64_t deadline_after(std::uint64_t timeout_us) {
    const std::uint64_t now = clock_us();
    return timeout_us < for_ever - now ? now + timeout_us : for_ever;
}

class PollSet {
public:
    explicit PollSet(std::span<struct pollfd> entries) : entries_{entries} {}

    // Everything that can be told at once. -> number of entries that are ready
    int look();
    // As look, but waits up to that long for the sockets among them.
    Answer wait(std::uint64_t timeout_us);
    [[nodiscard]] bool waits_for_terminal() const { return terminal_; }

private:
    void look_at(struct pollfd& entry);
    static std::uint16_t wanted(short events);
    static short occurred(const struct pollfd& entry, std::uint16_t ready);

    std::span<struct pollfd> entries_;
    std::array<inet::PollEntry, Descriptors::limit> sockets_{};
    std::array<std::uint16_t, Descriptors::limit> owners_{};  // index into entries_
    std::size_t socket_count_ = 0;
    bool terminal_ = false;
};

std::uint16_t PollSet::wanted(short events) {
    std::uint16_t flags = 0;
    if ((events & (POLLIN | POLLRDNORM)) != 0) flags |= inet::readiness::readable;
    if ((events & (POLLOUT | POLLWRNORM)) != 0) flags |= inet::readiness::writable;
    return flags;
}

short PollSet::occurred(const struct pollfd& entry, std::uint16_t ready) {
    int events = 0;
    if ((ready & inet::readiness::readable) != 0) events |= entry.events & (POLLIN | POLLRDNORM);
    if ((ready & inet::readiness::writable) != 0) events |= entry.events & (POLLOUT | POLLWRNORM);
    if ((ready & inet::readiness::error) != 0) events |= POLLERR;
    if ((ready & inet::readiness::hang_up) != 0) events |= POLLHUP | (entry.events & POLLRDHUP);
    return static_cast<short>(events);
}

void PollSet::look_at(struct pollfd& entry) {
    constexpr short always = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
    entry.revents = 0;
    if (entry.fd < 0) return;
    const OpenFile* file = descriptors().at(entry.fd);
    if (file == nullptr) {
        entry.revents = POLLNVAL;
    } else if (file->kind == OpenFile::Kind::socket) {
        owners_[socket_count_] = static_cast<std::uint16_t>(&entry - entries_.data());
        sockets_[socket_count_++] = {file->socket.id(), wanted(entry.events), 0};
    } else if (file->kind == OpenFile::Kind::terminal) {
        const bool reads = (entry.events & (POLLIN | POLLRDNORM)) != 0;
        terminal_ |= reads;
        const int input = reads && terminal().readable() ? POLLIN | POLLRDNORM : 0;
        entry.revents = static_cast<short>(entry.events & (POLLOUT | POLLWRNORM | input));
    } else {
        entry.revents = entry.events & always;
    }
}

int PollSet::look() {
    int ready = 0;
    socket_count_ = 0;
    for (struct pollfd& entry : entries_) {
        if (socket_count_ == sockets_.size()) break;
        look_at(entry);
        if (entry.revents != 0) ++ready;
    }
    return ready;
}

Answer PollSet::wait(std::uint64_t timeout_us) {
    if (socket_count_ == 0) {
        if (timeout_us != 0) wait_us(timeout_us);
        return 0;
    }
    const auto polled = ant::poll({sockets_.data(), socket_count_}, timeout_us);
    if (!polled) return failure(polled.error());
    Answer ready = 0;
    for (std::size_t i = 0; i < socket_count_; ++i) {
        struct pollfd& entry = entries_[owners_[i]];
        entry.revents = occurred(entry, sockets_[i].ready);
        if (entry.revents != 0) ++ready;
    }
    return ready;
}

Answer poll_until(std::span<struct pollfd> entries, std::uint64_t deadline_us) {
    if (entries.size() > Descriptors::limit) return -EINVAL;
    PollSet set{entries};
    for (;;) {
        const int ready = set.look();
        const std::uint64_t time = ready != 0 ? 0 : left(deadline_us);
        const bool slices = set.waits_for_terminal() && time > terminal_interval_us;
        // Nothing to wait for but the end of time: in slices as well, since `wait` knows no for_ever.
        const std::uint64_t most = slices ? terminal_interval_us : time == for_ever ? std::uint64_t{1} << 40 : time;
        const Answer more = set.wait(most);
        if (more < 0) return more;
        if (ready + more != 0 || (time == most && !slices)) return ready + more;
    }
}

// fd_set: one bit per descriptor.
class DescriptorSet {
public:
    explicit DescriptorSet(long argument) : words_{pointer<std::uint64_t>(argument)} {}
    [[nodiscard]] bool has(int descriptor) const { return words_ != nullptr && (words_[descriptor / 64] & bit(descriptor)) != 0; }
    void clear(int count) {
        for (int i = 0; words_ != nullptr && i < count; i += 64) words_[i / 64] = 0;
    }
    void add(int descriptor) {
        if (words_ != nullptr) words_[descriptor / 64] |= bit(descriptor);
    }

private:
    static std::uint64_t bit(int descriptor) { return std::uint64_t{1} << descriptor % 64; }
    std::uint64_t* words_;
};

Answer select_until(const Arguments& arguments, std::uint64_t deadline_us) {
    if (arguments.a < 0) return -EINVAL;
    const int count = arguments.a < Descriptors::limit ? static_cast<int>(arguments.a) : Descriptors::limit;
    DescriptorSet reads{arguments.b}, writes{arguments.c}, exceptions{arguments.d};
    std::array<struct pollfd, Descriptors::limit> entries;
    std::size_t used = 0;
    for (int i = 0; i < count; ++i) {
        const int events = (reads.has(i) ? POLLIN : 0) | (writes.has(i) ? POLLOUT : 0);
        if (events == 0 && !exceptions.has(i)) continue;
        if (descriptors().at(i) == nullptr) return -EBADF;
        entries[used++] = {i, static_cast<short>(events), 0};
    }
    const Answer ready = poll_until({entries.data(), used}, deadline_us);
    if (ready < 0) return ready;
    reads.clear(count);
    writes.clear(count);
    exceptions.clear(count);
    Answer bits = 0;
    for (std::size_t i = 0; i < used; ++i) {
        const struct pollfd& entry = entries[i];
        const bool failed = (entry.revents & (POLLERR | POLLHUP)) != 0;
        if ((entry.events & POLLIN) != 0 && ((entry.revents & POLLIN) != 0 || failed)) reads.add(entry.fd), ++bits;
        if ((entry.events & POLLOUT) != 0 && ((entry.revents & POLLOUT) != 0 || failed)) writes.add(entry.fd), ++bits;
    }
    return bits;
}

}  // namespace

Answer call_poll(const Arguments& arguments) {
    const int milliseconds = static_cast<int>(arguments.c);
    const std::uint64_t deadline = milliseconds < 0 ? for_ever : deadline_after(static_cast<std::uint64_t>(milliseconds) * 1000);
    return poll_until({pointer<struct pollfd>(arguments.a), static_cast<std::size_t>(arguments.b)}, deadline);
}

Answer call_ppoll(const Arguments& arguments) {
    std::uint64_t timeout_us = for_ever;
    if (arguments.c != 0 && !read_time(arguments.c, timeout_us)) return -EINVAL;
    return poll_until({pointer<struct pollfd>(arguments.a), static_cast<std::size_t>(arguments.b)}, deadline_after(timeout_us));
}

Answer call_select(const Arguments& arguments) {
    if (arguments.e == 0) return select_until(arguments, for_ever);
    auto& timeout = *pointer<TimeValue>(arguments.e);
    if (timeout.seconds < 0 || timeout.microseconds < 0) return -EINVAL;
    const std::uint64_t deadline = deadline_after(static_cast<std::uint64_t>(timeout.seconds) * 1'000'000 +
                                                  static_cast<std::uint64_t>(timeout.microseconds));
    const Answer ready = select_until(arguments, deadline);
    const std::uint64_t rest = left(deadline);  // Linux says how much time was left
    timeout = {static_cast<long>(rest / 1'000'000), static_cast<long>(rest % 1'000'000)};
    return ready;
}

Answer call_pselect6(const Arguments& arguments) {
    std::uint64_t timeout_us = for_ever;
    if (arguments.e != 0 && !read_time(arguments.e, timeout_us)) return -EINVAL;
    return select_until(arguments, deadline_after(timeout_us));
}

}  // namespace ant::foreign
