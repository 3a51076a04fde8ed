#include "world.hpp"

#include <link.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace tcp_test {

namespace {

// Variables of the library under test, and what they were when it was loaded.
struct Image {
    std::uint8_t* begin = nullptr;
    std::vector<std::uint8_t> fresh;
};

// Byte by byte, and unseen by the address sanitizer: between variables there are zones that nobody may touch.
__attribute__((no_sanitize("address", "undefined"))) void copy(std::uint8_t* to, const std::uint8_t* from, std::size_t bytes) {
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

int find_variables(dl_phdr_info* info, std::size_t, void* found) {
    auto& image = *static_cast<Image*>(found);
    if (std::strstr(info->dlpi_name, "node_under_test") == nullptr) return 0;
    for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type != PT_LOAD || (header.p_flags & PF_W) == 0) continue;
        image.begin = reinterpret_cast<std::uint8_t*>(info->dlpi_addr + header.p_vaddr);
        image.fresh.resize(header.p_memsz);
        copy(image.fresh.data(), image.begin, header.p_memsz);
    }
    return 1;
}

Image& image() {
    static Image variables;
    if (variables.begin == nullptr) dl_iterate_phdr(find_variables, &variables);
    return variables;
}

void reset_library() { copy(image().begin, image().fresh.data(), image().fresh.size()); }

}  // namespace

World::World(std::uint32_t seed, WorldOptions o) : options{o}, random{seed}, pattern_(pattern_bytes + 0x20000) {
    reset_library();
    std::mt19937 bytes{42};
    for (auto& b : pattern_) b = static_cast<std::uint8_t>(bytes());
    durable.pattern = pattern_.data();
    durable.random = seed;
}

World::~World() { reset_library(); }

Peer& World::connect_from(std::uint16_t port, std::uint16_t node_port, PeerOptions peer_options) {
    peers.push_back(std::make_unique<Peer>(pattern_.data(), port, node_port, peer_options, 0xffff'f000 + random() % 0x2000));
    peers.back()->connect(now());
    return *peers.back();
}

Peer& World::await(std::uint16_t port, PeerOptions peer_options) {
    peers.push_back(std::make_unique<Peer>(pattern_.data(), port, 0, peer_options, 0xffff'f000 + random() % 0x2000));
    return *peers.back();
}

int World::socket_of(const Peer& peer) const {
    for (unsigned i = 0; i < Durable::max_sockets; ++i)
        if (durable.sockets[i].kind == Durable::Kind::stream && durable.sockets[i].port == peer.port())
            return static_cast<int>(i);
    return -1;
}

std::string World::complaint() const {
    for (const auto& peer : peers)
        if (!peer->complaint().empty()) return peer->complaint();
    return {};
}

std::uint32_t World::timeouts() const {
    std::uint32_t sum = 0;
    for (const auto& peer : peers) sum += peer->timeouts();
    return sum;
}

void World::put(const Frame& frame, bool to_node) {
    if (chance(options.loss)) return;
    std::uint64_t at = now() + options.delay_us;
    if (chance(options.reorder)) at += random() % (3 * options.delay_us);
    wire_.emplace(at, Travelling{frame, to_node});
}

void World::ask(const std::function<void()>& action) {
    while (up_at_ != 0) step();
    action();
    flush();
}

void World::crash() {
    end_process();
    start_again();
}

void World::end_process() {
    durable.batch.clear();
    reset_library();
    ++crashes;
    up_at_ = now() + 1 + random() % options.down_us;
    timers_at_ = up_at_;
}

void World::start_again() {
    up_at_ = 0;
    node_start(durable);
    timers_at_ = now();
    const std::vector<Frame> waited = std::exchange(waiting_, {});
    for (std::size_t i = 0; i < waited.size(); ++i) {
        node_input(waited[i]);
        if (flush_or_crash()) continue;
        const std::size_t next = options.lose_current ? i + 1 : i;
        waiting_.insert(waiting_.end(), waited.begin() + static_cast<std::ptrdiff_t>(next), waited.end());
        return;
    }
    node_resume();
    flush();
}

void World::flush() { (void)flush_or_crash(); }

// What was written before the crash stays, the rest is as it was; of what left, all or the beginning.
bool World::flush_or_crash() {
    const bool dies = chance(options.crash);
    std::byte before[Durable::table_bytes];
    std::memcpy(before, durable.table, sizeof before);
    node_commit();
    std::vector<Frame> batch = std::exchange(durable.batch, {});
    const unsigned how = dies ? random() % 3 : 3;
    if (how == 0) std::memcpy(durable.table, before, sizeof before);
    if (how == 1) {
        constexpr std::size_t record = Durable::table_bytes / 192;
        for (std::size_t at = 0; at < sizeof before; at += record)
            if (random() % 2 == 0) std::memcpy(durable.table + at, before + at, record);
    }
    if (how < 2) batch.clear();
    if (how == 2) batch.resize(random() % (batch.size() + 1));
    for (const Frame& frame : batch) {
        Segment s;
        if (parse(frame, s))
            for (const auto& peer : peers)
                if (peer->port() == s.to) peer->watch(s);
        put(frame, false);
    }
    if (dies) end_process();
    timers_at_ = std::min(timers_at_, now());
    return !dies;
}

void World::deliver(const Frame& frame) {
    if (up_at_ != 0) return waiting_.push_back(frame);
    node_input(frame);
    const bool died = !flush_or_crash();
    if (died && !options.lose_current) waiting_.insert(waiting_.begin(), frame);
}

void World::hear(const Frame& frame) {
    Segment s;
    if (!parse(frame, s)) {
        if (other) other(frame);
        return;
    }
    for (const auto& peer : peers) {
        if (peer->port() != s.to) continue;
        peer->meet(s.from);
        peer->hear(s, now());
    }
}

void World::step() {
    std::uint64_t next = up_at_ != 0 ? up_at_ : timers_at_;
    if (!wire_.empty()) next = std::min(next, wire_.begin()->first);
    for (const auto& peer : peers) {
        next = std::min(next, peer->next_timer());
        for (const Frame& frame : std::exchange(peer->wire, {})) put(frame, true);
    }
    if (!wire_.empty()) next = std::min(next, wire_.begin()->first);
    durable.now_us = std::max(now(), next);
    if (up_at_ != 0 && now() >= up_at_) start_again();
    if (up_at_ == 0 && now() >= timers_at_) {
        timers_at_ = now() + std::max<std::uint64_t>(node_run_timers(), 1000);
        if (!durable.batch.empty()) flush();
    }
    for (const auto& peer : peers) peer->tick(now());
    while (!wire_.empty() && wire_.begin()->first <= now()) {
        const Travelling arrived = std::move(wire_.begin()->second);
        wire_.erase(wire_.begin());
        if (arrived.to_node)
            deliver(arrived.frame);
        else
            hear(arrived.frame);
    }
}

bool World::run(const std::function<bool()>& done, std::uint64_t at_most_us) {
    const std::uint64_t end = now() + at_most_us;
    while (now() < end && complaint().empty()) {
        if (up_at_ == 0 && done()) return true;
        step();
    }
    return up_at_ == 0 && done();
}

void World::run_for(std::uint64_t us) {
    (void)run([] { return false; }, us);
}

}  // namespace tcp_test
