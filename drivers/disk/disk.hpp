// The part that all disk drivers have in common: requests of the units, their order, errors, time-outs. What a controller
// is: controller.hpp.
//
// `Host` is the system around it:
//   u64 pages_of(area)                      0: neither owned nor on loan
//   void answer(control, const Outcome&)    ends a deferred call
//   u64 now_us(), void pause_us(us)
#pragma once

#include "arrivals.hpp"
#include "transfer.hpp"
#include "units.hpp"

#include <utility>

namespace disk {

inline constexpr unsigned max_attempts = 4;     // of one command
inline constexpr unsigned damage_attempts = 2;  // drives try long enough themselves
inline constexpr std::uint64_t transfer_limit_us = 10'000'000, flush_limit_us = 60'000'000;

template <class Controller, class Host>
class Disk {
public:
    Disk(Controller& controller, Host& host, UnitTable& units, Arrivals& arrivals, ant::block::Statistics& statistics)
        : controller_{controller}, host_{host}, units_{units}, arrivals_{arrivals}, statistics_{statistics} {}

    // Calls: answered at once, or deferred -----------------------------------------------------------------
    ant::Outcome read(Call call) { return transfer(call, Kind::read); }
    ant::Outcome write(Call call) { return transfer(call, Kind::write); }
    ant::Outcome flush(Call call) {
        quiet_ = false;
        if (carries_data(call)) return with_areas_back(call, Error::invalid_argument);
        return take(call, Kind::flush,
                    {.unit = call.params<ant::block::UnitId>().unit, .flags = 0, .sector = 0, .offset = 0, .bytes = 0});
    }
    ant::Outcome units(Call call) {
        quiet_ = false;
        if (carries_data(call)) return with_areas_back(call, Error::invalid_argument);
        if (open_) return call.reply_with(units_.list());
        return take(call, Kind::flush, {.unit = asks_units, .flags = 0, .sector = 0, .offset = 0, .bytes = 0});
    }
    ant::Outcome statistics(Call call) {
        quiet_ = false;
        if (carries_data(call)) return with_areas_back(call, Error::invalid_argument);
        return call.reply_with(statistics_);
    }

    // Events -------------------------------------------------------------------------------------------------
    void interrupt() {
        ++statistics_.interrupts;
        if (!all_here_) return;  // it may be about one that is to come
        quiet_ = false;
        if (!open_) settle();
        controller_.interrupt(ended());
        go_on();
    }
    // Does what is due; -> for how long nothing will be, in us.
    [[nodiscard]] std::uint64_t before_receive() {
        if (stopped_) [[unlikely]] {  // the replacement was called off
            stopped_ = false;
            arrivals_.keep();
            go_on();
        }
        if (open_ && !controller_.busy()) return ant::no_limit;
        // Without a look at the clock: one is due when the last wait was long, and now and then.
        if (!std::exchange(quiet_, true)) {
            if (!all_here_ || ++unlooked_ % receives_per_look != 0) return wait_us_;
        } else {
            all_here_ = true;  // what is delivered again comes before anything else
        }
        look();
        return open_ && !controller_.busy() ? ant::no_limit : wait_us_;
    }

    // Planned replacement: commands go on in the hardware, for the next process. -> whether it can go on
    [[nodiscard]] bool stop() {
        stopped_ = true;
        if (open_) hand_over();
        return open_;
    }
    // In the next process.
    void resume() { resumed_ = true; }

private:
    void hand_over() {
        for (unsigned unit = 0; unit < units_.count(); ++unit)
            for (const Request* request = queues_[unit].first; request != nullptr; request = request->next)
                arrivals_.hand_over(index_of(*request), {.unit = unit,
                                                         .done = request->done,
                                                         .under_way = request->under_way,
                                                         .attempts = request->attempts,
                                                         .flushes = request->flushes,
                                                         .handed_over = request->state == Request::State::started});
    }

    static constexpr std::uint32_t asks_units = ~std::uint32_t{0};  // in place of a unit
    static constexpr unsigned receives_per_look = 64;

    struct Request {
        enum class State : std::uint8_t { waiting, started };
        Request* next;
        Request* previous;
        std::uint64_t control;
        ant::block::Transfer transfer;
        std::uint64_t limit_us;  // started: when it takes too long; 0: not looked at yet
        std::uint32_t done, under_way;
        Kind kind;
        State state;
        std::uint8_t attempts;
        bool flushes;  // write: the data is with the drive, and is flushed now
    };
    // Requests of a unit in the order in which they came. Only the first one that waits may be started: so nothing is
    // overtaken for ever, and a flush waits for what came before it.
    struct Queue {
        Request* first = nullptr;
        Request* last = nullptr;
        Request* waiting = nullptr;
        unsigned started = 0;
    };

    // Requests -----------------------------------------------------------------------------------------------
    static bool carries_data(Call call) {
        return (call.frame().flags & (ant::abi::flag::data_mask | ant::abi::flag::data_list)) != 0;
    }
    ant::Outcome transfer(Call call, Kind kind) {
        quiet_ = false;
        const auto transfer = TransferCall::parse(call, kind, [this](std::uint64_t area) { return host_.pages_of(area); });
        if (!transfer) return with_areas_back(call, transfer.error());
        return take(call, kind, *transfer);
    }
    ant::Outcome take(Call call, Kind kind, const ant::block::Transfer& transfer) {
        if (open_) {
            if (const Error error = check(kind, transfer); error != Error::none) return with_areas_back(call, error);
        }
        const unsigned index = arrivals_.note(call.id(), call.redelivered());
        if (index == max_requests) return with_areas_back(call, Error::queue_full);
        Request& request = requests_[index];
        request = {.next = nullptr,
                   .previous = nullptr,
                   .control = call.control(),
                   .transfer = transfer,
                   .limit_us = 0,
                   .done = 0,
                   .under_way = 0,
                   .kind = kind,
                   .state = Request::State::waiting,
                   .attempts = 0,
                   .flushes = false};
        if (!open_) {
            all_here_ |= !call.redelivered();
            go_on_from(arrivals_.take_over(index), request);
            insert(request);
        } else {
            append(queues_[transfer.unit], request);
            start_from(transfer.unit);
        }
        return Call::defer();
    }
    // The process before has handed over a command of it.
    static void go_on_from(const Progress& before, Request& request) {
        if (!before.handed_over) return;
        if (request.transfer.unit != before.unit)
            ant::panic("a request for unit %u was for %u", request.transfer.unit, before.unit);
        request.done = before.done;
        request.under_way = before.under_way;
        request.attempts = before.attempts;
        request.flushes = before.flushes;
        request.state = Request::State::started;
    }
    [[nodiscard]] Error check(Kind kind, const ant::block::Transfer& transfer) const {
        const Drive* drive = drive_of(transfer.unit);
        if (drive == nullptr) return units_.known(transfer.unit) ? Error::io_error : Error::not_found;
        const std::uint64_t sectors = drive->unit.sectors, count = transfer.bytes / ant::block::sector_bytes;
        if (count > sectors || transfer.sector > sectors - count) return Error::invalid_argument;
        if (kind == Kind::write && (drive->unit.flags & ant::block::unit_flag::read_only) != 0) return Error::read_only;
        return Error::none;
    }
    [[nodiscard]] const Drive* drive_of(std::uint32_t unit) const {
        const unsigned port = units_.port(unit);
        return port == UnitTable::no_port ? nullptr : &controller_.drive(port);
    }

    static void append(Queue& queue, Request& request) {
        request.previous = queue.last;
        request.next = nullptr;
        (queue.last != nullptr ? queue.last->next : queue.first) = &request;
        queue.last = &request;
        if (request.state == Request::State::started)
            ++queue.started;
        else if (queue.waiting == nullptr)
            queue.waiting = &request;
    }
    static void remove(Queue& queue, Request& request) {
        (request.previous != nullptr ? request.previous->next : queue.first) = request.next;
        (request.next != nullptr ? request.next->previous : queue.last) = request.previous;
        if (queue.waiting == &request) queue.waiting = next_waiting(request.next);
    }
    static Request* next_waiting(Request* request) {
        while (request != nullptr && request->state != Request::State::waiting) request = request->next;
        return request;
    }
    [[nodiscard]] unsigned index_of(const Request& request) const { return static_cast<unsigned>(&request - requests_.data()); }
    // Among those that came before the drives were known, in the order in which they came to this slot first.
    void insert(Request& request) {
        Request* before = early_.last;
        while (before != nullptr && arrivals_.number(index_of(*before)) > arrivals_.number(index_of(request)))
            before = before->previous;
        request.previous = before;
        request.next = before != nullptr ? before->next : early_.first;
        (request.previous != nullptr ? request.previous->next : early_.first) = &request;
        (request.next != nullptr ? request.next->previous : early_.last) = &request;
    }

    // Starting -----------------------------------------------------------------------------------------------
    void go_on() {
        if (!open_) settle();
        if (!open_ || stopped_) return;
        // Units that share a channel take turns.
        for (unsigned n = 0; n < units_.count(); ++n) start_from((turn_ + n) % units_.count());
        if (units_.count() != 0) turn_ = (turn_ + 1) % units_.count();
    }
    void start_from(unsigned unit) {
        Queue& queue = queues_[unit];
        while (queue.waiting != nullptr && !stopped_) {
            Request& request = *queue.waiting;
            const unsigned port = units_.port(unit);
            if (port == UnitTable::no_port) {
                answer(queue, request, Error::io_error);
            } else if (needs_nothing(request, controller_.drive(port))) {
                if (queue.started != 0) return;
                answer(queue, request, Error::none);
            } else {
                if (!in_order(queue, request) || !controller_.room(port)) return;
                start(queue, request, port);
            }
        }
    }
    static bool has_cache(const Drive& drive) { return (drive.unit.flags & ant::block::unit_flag::write_cache) != 0; }
    static bool needs_nothing(const Request& request, const Drive& drive) {
        return request.kind == Kind::flush && !has_cache(drive);
    }
    static bool is_flush(const Request& request) { return request.kind == Kind::flush || request.flushes; }
    // May it be started beside those that are?
    static bool in_order(const Queue& queue, const Request& request) {
        if (queue.started == 0) return true;
        if (is_flush(request)) return false;
        for (const Request* other = queue.first; other != nullptr; other = other->next)
            if (other->state == Request::State::started && (is_flush(*other) || collide(*other, request))) return false;
        return true;
    }
    static bool collide(const Request& a, const Request& b) {
        if (a.kind == Kind::read && b.kind == Kind::read) return false;
        return a.transfer.sector < b.transfer.sector + b.transfer.bytes / ant::block::sector_bytes &&
               b.transfer.sector < a.transfer.sector + a.transfer.bytes / ant::block::sector_bytes;
    }
    void start(Queue& queue, Request& request, unsigned port) {
        const Drive& drive = controller_.drive(port);
        request.state = Request::State::started;
        request.limit_us = 0;
        ++queue.started;
        queue.waiting = next_waiting(request.next);
        const std::uint32_t token = index_of(request);
        if (is_flush(request)) {
            request.under_way = 0;
            controller_.start(port, token, {.kind = Kind::flush, .through = false, .sector = 0, .sectors = 0, .pieces = {}});
            return;
        }
        request.under_way = std::min(request.transfer.bytes - request.done, drive.max_sectors * ant::block::sector_bytes);
        const Pieces pieces{Call{request.control}, request.transfer, request.done, request.under_way};
        const bool can_go_through = (drive.unit.flags & ant::block::unit_flag::through) != 0;
        controller_.start(port, token,
                          {.kind = request.kind,
                           .through = wants_through(request) && can_go_through,
                           .sector = request.transfer.sector + request.done / ant::block::sector_bytes,
                           .sectors = request.under_way / ant::block::sector_bytes,
                           .pieces = pieces.all()});
    }
    static bool wants_through(const Request& request) {
        return (request.transfer.flags & ant::block::transfer_flag::through) != 0;
    }

    // The ends of commands -------------------------------------------------------------------------------------
    auto ended() {
        return [this](std::uint32_t token, End end) { command_ended(requests_[token], end); };
    }
    void command_ended(Request& request, End end) {
        const unsigned unit = request.transfer.unit;
        Queue& queue = queues_[unit];
        --queue.started;
        request.state = Request::State::waiting;
        queue.waiting = next_waiting(queue.first);
        switch (end) {
            case End::done:
                request.done += request.under_way;
                request.attempts = 0;
                if (!more(request, unit)) answer(queue, request, Error::none);
                return;
            case End::failed:
            case End::damaged:
                ++request.attempts;
                if (end == End::damaged && request.attempts >= damage_attempts) request.attempts = max_attempts;
                if (request.attempts < max_attempts) ++statistics_.retries;
                [[fallthrough]];
            case End::withdrawn:
                if (request.attempts >= max_attempts) answer(queue, request, Error::io_error);
                return;
            case End::gone:
                while (queue.waiting != nullptr) answer(queue, *queue.waiting, Error::io_error);
                return;
        }
    }
    // Is there anything left to do?
    bool more(Request& request, unsigned unit) {
        if (request.done < request.transfer.bytes) return true;
        if (request.kind != Kind::write || request.flushes || !wants_through(request)) return false;
        const std::uint32_t flags = drive_of(unit)->unit.flags;
        request.flushes = (flags & ant::block::unit_flag::write_cache) != 0 && (flags & ant::block::unit_flag::through) == 0;
        return request.flushes;
    }
    void answer(Queue& queue, Request& request, Error error) {
        remove(queue, request);
        count(request, error);
        const auto value = error == Error::none ? std::int64_t{request.transfer.bytes} : 0;
        finish(request, with_areas_back(Call{request.control}, error, value));
    }
    void finish(const Request& request, const ant::Outcome& answered) {
        host_.answer(request.control, answered);
        arrivals_.forget(index_of(request));
    }
    void count(const Request& request, Error error) {
        if (error == Error::io_error) ++statistics_.errors;
        if (error != Error::none) return;
        switch (request.kind) {
            case Kind::read:
                ++statistics_.reads;
                statistics_.read_bytes += request.transfer.bytes;
                break;
            case Kind::write:
                ++statistics_.writes;
                statistics_.written_bytes += request.transfer.bytes;
                break;
            case Kind::flush:
                ++statistics_.flushes;
                break;
        }
    }

    // Time -----------------------------------------------------------------------------------------------------
    void look() {
        const std::uint64_t now = host_.now_us();
        if (!open_) settle();
        wait_us_ = controller_.look(now, ended());
        for (unsigned unit = 0; open_ && unit < units_.count(); ++unit)
            if (const Request* late = find_late(queues_[unit], now); late != nullptr)
                controller_.reset(units_.port(unit), ended());
        go_on();
    }
    // One that takes too long, and is to blame for a reset.
    Request* find_late(Queue& queue, std::uint64_t now) {
        for (Request* request = queue.first; request != nullptr; request = request->next) {
            if (request->state != Request::State::started) continue;
            if (request->limit_us == 0) request->limit_us = now + (is_flush(*request) ? flush_limit_us : transfer_limit_us);
            if (now < request->limit_us) continue;
            request->limit_us = ~std::uint64_t{0};  // ended by the reset, however long that takes
            ++statistics_.timeouts;
            ++request->attempts;
            return request;
        }
        return nullptr;
    }

    // The drives are known, and all calls of the process before are here: they can be checked now, and put in order.
    void settle() {
        if (!all_here_ || !(resumed_ || controller_.settled())) return;
        if (arrivals_.any_handed_over()) ant::panic("a command is under way for a call that is gone");
        open_ = true;
        arrivals_.forget_unclaimed();
        units_.match(Controller::max_ports, [this](unsigned port) -> const Drive& { return controller_.drive(port); });
        while (early_.first != nullptr) {
            Request& request = *early_.first;
            remove(early_, request);
            const ant::Outcome answered = check_early(request);
            if (answered.kind == ant::Outcome::Kind::deferred) {
                append(queues_[request.transfer.unit], request);
            } else {
                finish(request, answered);
            }
        }
    }
    ant::Outcome check_early(const Request& request) {
        const Call call{request.control};
        if (request.state == Request::State::started) return Call::defer();
        if (request.transfer.unit == asks_units) return call.reply_with(units_.list());
        const Error error = check(request.kind, request.transfer);
        return error == Error::none ? Call::defer() : with_areas_back(call, error);
    }

    Controller& controller_;
    Host& host_;
    UnitTable& units_;
    Arrivals& arrivals_;
    ant::block::Statistics& statistics_;
    std::array<Request, max_requests> requests_;
    std::array<Queue, ant::block::max_units> queues_{};
    Queue early_{};
    unsigned turn_ = 0;
    unsigned unlooked_ = 0;
    std::uint64_t wait_us_ = ant::abi::poll;
    bool open_ = false;      // requests can be started
    bool all_here_ = false;  // the calls that the process before had
    bool resumed_ = false;   // from a process that has stopped in good order
    bool stopped_ = false;
    bool quiet_ = false;  // nothing has happened since `before_receive`
};

}  // namespace disk
