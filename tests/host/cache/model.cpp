#include "model.hpp"

#include "servers/cache/host.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace model {

World* World::current = nullptr;

World::~World() { current = nullptr; }

void World::add_drive(unsigned driver, u64 bytes) {
    Drive drive;
    drive.contents.resize(bytes);
    drive.medium = drive.contents;
    possible[static_cast<unsigned>(disk_driver.size())].assign(bytes, 1);
    disk_driver.push_back(driver);
    disk_unit.push_back(static_cast<unsigned>(drives[driver].size()));
    drives[driver].push_back(std::move(drive));
}

Drive& World::drive_of(unsigned disk) { return drives.at(disk_driver[disk])[disk_unit[disk]]; }

cs::State World::state() {
    const auto at = [](std::vector<u64>& places) { return reinterpret_cast<u64>(places.data()); };
    const cs::DirtyRecords dirty = format == cs::format::first
                                       ? cs::DirtyRecords{ant::Records<cs::DirtyRecord>{at(dirty_places), limit, &writing}}
                                       : cs::DirtyRecords{ant::Records<cs::DirtyRecord2>{at(dirty_places), limit, &writing}};
    return {{at(disk_places), ant::cache::max_disks, &writing}, dirty};
}

void World::boot(unsigned block_count) {
    limit = block_count;
    disk_places.assign(ant::cache::max_disks * 2 * (16 + sizeof(cs::DiskRecord)) / 8, 0);
    dirty_places.assign(limit * 2 * (16 + sizeof(cs::DirtyRecord2)) / 8, 0);
    crash();
    crashes = 0;
}

// As main.cpp does: pages without a record go, held calls come again.
void World::crash() {
    ++crashes;
    next_process({});
}

// In a planned replacement clean blocks are kept.
void World::replace() {
    ++replacements;
    std::vector<cs::Block> left = blocks;
    for (cs::Block& block : left)
        if (block.state != cs::BlockState::clean) block = {};
    next_process(std::move(left));
}

void World::next_process(std::vector<cs::Block> left) {
    crash_at = 0;
    cache.reset();
    blocks = std::move(left);
    blocks.resize(limit);
    sweep();
    buckets.assign(std::bit_ceil(limit), nullptr);
    cache = std::make_unique<cs::Cache>();
    cache->start(state(), blocks, buckets);
    const std::deque<u64> again = std::move(held);
    held.clear();
    for (const u64 control : again) deliver(call(control), true);
    work();
}

void World::sweep() {
    std::set<u64> keep;
    if (!dirty_places.empty()) state().dirty.each([&](unsigned, const cs::DirtyRecord& r) { keep.insert(r.page); });
    for (const cs::Block& block : blocks) keep.insert(block.page);
    for (const auto& [control, c] : calls) keep.insert(c->area);
    pages = 0;
    for (auto i = areas.begin(); i != areas.end();) {
        const bool page = i->second.bytes == cs::block_bytes &&
                          !std::any_of(calls.begin(), calls.end(), [&](const auto& c) { return c.second->area == i->first; });
        if (keep.contains(i->first)) {
            pages += page;
            ++i;
        } else if (i->second.loans != 0) {
            i->second.released = true;
            ++i;
        } else {
            i = areas.erase(i);
        }
    }
}

void World::point() {
    ++points;
    if (crash_at != 0 && points >= crash_at) throw Crash{};
}

Error World::perhaps_refuse() { return refuse_one_in != 0 && below(refuse_one_in) == 0 ? Error::queue_full : Error::none; }

u64 World::new_area(u64 bytes) {
    const u64 rounded = (bytes + 4095) / 4096 * 4096;
    Area area;
    area.memory = std::make_unique<std::byte[]>(rounded);
    area.address = reinterpret_cast<u64>(area.memory.get());
    area.bytes = rounded;
    std::memset(area.memory.get(), 0xee, rounded);
    const u64 address = area.address;
    areas.emplace(address, std::move(area));
    return address;
}

void World::end_loan(u64 address) {
    Area& area = areas.at(address);
    if (--area.loans == 0 && area.released) areas.erase(address);
}

// Clients --------------------------------------------------------------------------------------------------

static std::unique_ptr<ClientCall> access(World& w, cs::RequestKind kind, unsigned disk, const std::vector<Extent>& extents,
                                          u32 flags, u32 offset, bool owned) {
    auto c = std::make_unique<ClientCall>();
    c->control = w.next_control += 0x1000;
    c->kind = kind;
    c->owned = owned;
    c->access = {disk, flags, offset, 0, static_cast<u32>(extents.size()), 0, {}};
    for (std::size_t i = 0; i < extents.size(); ++i) {
        c->access.extent[i] = extents[i];
        c->access.bytes += static_cast<u32>(extents[i].bytes);
    }
    c->area = w.new_area(offset + c->access.bytes);
    return c;
}

u64 World::read(unsigned disk, const std::vector<Extent>& extents, u32 flags, u32 offset, bool owned) {
    auto c = access(*this, cs::RequestKind::read, disk, extents, flags, offset, owned);
    c->possible.resize(offset + c->access.bytes, 0);
    each_byte(*c, [&](u64 position, u64 at) {
        if (position == ant::cache::hole)
            c->possible[at] = 1;
        else if (disk < disk_driver.size() && position < possible[disk].size())
            c->possible[at] = possible[disk][position];
    });
    ClientCall& made = *(calls[c->control] = std::move(c));
    deliver(made, false);
    return made.control;
}

u64 World::write(unsigned disk, const std::vector<Extent>& extents, u32 flags, u32 offset, bool owned) {
    auto c = access(*this, cs::RequestKind::write, disk, extents, flags, offset, owned);
    c->value = static_cast<u8>(next_value++ % 63 + 1);
    std::memset(reinterpret_cast<void*>(c->area + offset), c->value, c->access.bytes);
    const u64 bit = u64{1} << c->value;
    std::vector<u8> touched(possible[disk].size());
    each_byte(*c, [&](u64 position, u64) {
        if (position >= possible[disk].size()) return;
        possible[disk][position] |= bit;
        touched[position] = 1;
    });
    for (auto& [control, call] : calls) {
        ClientCall& other = *call;
        if (other.answered || other.access.disk != disk) continue;
        if (other.kind == cs::RequestKind::write) {
            c->concurrent.push_back(control);
            other.concurrent.push_back(c->control);
        } else if (other.kind == cs::RequestKind::flush) {
            for (u64 i = 0; i < touched.size(); ++i)
                if (touched[i] != 0 && !other.possible.empty()) other.possible[i] |= bit;
        } else if (other.kind == cs::RequestKind::read) {
            each_byte(other, [&](u64 position, u64 at) {
                if (position < touched.size() && touched[position] != 0) other.possible[at] |= bit;
            });
        }
    }
    ClientCall& made = *(calls[c->control] = std::move(c));
    deliver(made, false);
    return made.control;
}

u64 World::flush(unsigned disk, bool forget) {
    auto c = std::make_unique<ClientCall>();
    c->control = next_control += 0x1000;
    c->kind = forget ? cs::RequestKind::forget : cs::RequestKind::flush;
    c->access.disk = disk;
    if (!forget) c->possible = possible[disk];
    ClientCall& made = *(calls[c->control] = std::move(c));
    deliver(made, false);
    return made.control;
}

u64 World::find_disks() {
    auto c = std::make_unique<ClientCall>();
    c->control = next_control += 0x1000;
    c->kind = cs::RequestKind::disks;
    ClientCall& made = *(calls[c->control] = std::move(c));
    deliver(made, false);
    return made.control;
}

// The cache gets the call. If its process ends meanwhile, the next one gets it again.
void World::deliver(ClientCall& c, bool again) {
    c.held = true;
    held.push_back(c.control);
    try {
        std::optional<cs::Answer> answer;
        if (c.kind == cs::RequestKind::disks)
            answer = cache->find_disks(c.control);
        else if (c.kind == cs::RequestKind::flush || c.kind == cs::RequestKind::forget)
            answer = cache->flush(c.kind, c.control, {c.access.disk, 0});
        else
            answer = cache->transfer(c.kind, {c.control, &c.access, c.area, areas.at(c.area).bytes, c.owned, true, again});
        point();
        if (answer) {
            REQUIRE((answer->area == 0 || (answer->area == c.area && areas.at(c.area).loans == 0)));
            finish(c.control, answer->error, answer->value, answer->area);
        }
        if (!again) work();
    } catch (const Crash&) {
        crash();
    }
}

void World::work() {
    try {
        (void)cache->work();
    } catch (const Crash&) {
        crash();
    }
}

void World::finish(u64 control, Error error, std::int64_t value, u64 area) {
    ClientCall& c = call(control);
    REQUIRE_FALSE(c.answered);
    const bool transfers = c.kind == cs::RequestKind::read || c.kind == cs::RequestKind::write;
    if (transfers && c.owned) REQUIRE(area == c.area);
    c.answered = true;
    c.held = false;
    c.error = error;
    c.result = value;
    std::erase(held, control);
    if (error == Error::none) {
        if (transfers) REQUIRE(value == c.access.bytes);
        if (c.kind == cs::RequestKind::read) check_read(c);
        if (c.kind == cs::RequestKind::flush) check_flush(c);
        if (c.kind == cs::RequestKind::write) write_answered(c);
    }
}

void World::check_read(const ClientCall& c) {
    const auto* bytes = reinterpret_cast<const u8*>(c.area);
    u64 wrong = 0, where = 0;
    each_byte(c, [&](u64 position, u64 at) {
        if (bytes[at] < 64 && (c.possible[at] >> bytes[at] & 1) != 0) return;
        if (wrong++ == 0) where = position;
    });
    INFO("read: first wrong byte at " << where << ", value there " << static_cast<int>(bytes[c.access.offset]));
    REQUIRE(wrong == 0);
    const u64 size = areas.at(c.area).bytes;
    for (u64 i = 0; i < size; ++i)
        if (i == c.access.offset && c.access.bytes != 0)
            i += c.access.bytes - 1;
        else if (bytes[i] != 0xee)
            FAIL("a byte beside what was read has changed: " << i);
}

void World::check_flush(const ClientCall& c) {
    const Drive& drive = drive_of(c.access.disk);
    u64 wrong = 0, where = 0;
    for (u64 i = 0; i < drive.medium.size(); ++i)
        if ((c.possible[i] >> drive.medium[i] & 1) == 0 && wrong++ == 0) where = i;
    INFO("flush: first wrong byte at " << where << " of the medium: " << int{drive.medium[where]});
    REQUIRE(wrong == 0);
}

void World::write_answered(ClientCall& c) {
    std::vector<u64>& values = possible[c.access.disk];
    std::vector<u64> others(c.concurrent.empty() ? 0 : values.size());
    for (const u64 control : c.concurrent) {
        ClientCall& other = call(control);
        each_byte(other, [&](u64 position, u64) { others[position] |= u64{1} << other.value; });
    }
    const Drive& drive = drive_of(c.access.disk);
    each_byte(c, [&](u64 position, u64) {
        // The medium may be behind what was answered meanwhile, but not behind this.
        const u64 since = u64{1} << c.value | (others.empty() ? 0 : others[position]);
        values[position] = u64{1} << c.value | (since & values[position]);
        if ((c.access.flags & ant::cache::access_flag::through) != 0 && (since >> drive.medium[position] & 1) == 0)
            FAIL("not on the medium: " << position);
    });
}

// Drivers --------------------------------------------------------------------------------------------------

// In order where the same sectors are touched; a flush after what was answered only.
bool World::may_go(std::size_t n) const {
    const Transferring& t = queue[n];
    const auto end = [](const Transferring& x) { return x.transfer.sector + x.transfer.bytes / 512; };
    for (std::size_t i = 0; i < n; ++i) {
        const Transferring& o = queue[i];
        if (o.driver == t.driver && o.transfer.unit == t.transfer.unit && o.transfer.sector < end(t) &&
            t.transfer.sector < end(o))
            return false;
    }
    return true;
}

bool World::drive_once(unsigned choice) {
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < queue.size(); ++i)
        if (may_go(i)) ready.push_back(i);
    if (ready.empty()) return false;
    const std::size_t n = ready[choice % ready.size()];
    Transferring t = queue[n];
    queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(n));
    perform(t);
    return true;
}

void World::settle() {
    for (unsigned idle = 0; idle < 3;) {
        if (drive_once(below(8)))
            idle = 0;
        else {
            ++idle;
            sleep(10'000'000);
        }
    }
}

void World::perform(Transferring& t) {
    Error error = gone ? Error::no_server : Error::none;
    ant::block::Units units{};
    Drive* drive = nullptr;
    if (error == Error::none && t.kind != cs::DriverCallKind::units) drive = &drives.at(t.driver).at(t.transfer.unit);
    if (drive != nullptr && t.kind != cs::DriverCallKind::flush) {
        REQUIRE((t.transfer.sector * 512 + t.transfer.bytes) <= drive->contents.size());
        for (u64 s = 0; s < t.transfer.bytes / 512; ++s)
            if (drive->bad.contains(t.transfer.sector + s)) error = Error::io_error;
    }
    if (error == Error::none) switch (t.kind) {
            case cs::DriverCallKind::units:
                for (const Drive& d : drives.at(t.driver)) {
                    ant::block::Unit& u = units.unit[units.count++];
                    u.sectors = d.contents.size() / 512;
                    u.flags = d.flags;
                    std::strncpy(u.serial, d.serial.c_str(), sizeof u.serial - 1);
                }
                break;
            case cs::DriverCallKind::flush:
                ++flushes;
                drive->medium = drive->contents;
                break;
            default: {
                const bool write = t.kind == cs::DriverCallKind::write;
                ++(write ? writes : reads);
                u64 position = t.transfer.sector * 512, left = t.transfer.bytes;
                for (const u64 area : t.areas) {
                    const u64 offset = t.areas.size() == 1 ? t.transfer.offset : 0;
                    const u64 n = std::min(left, areas.at(area).bytes - offset);
                    u8* disk = drive->contents.data() + position;
                    if (write)
                        std::memcpy(disk, reinterpret_cast<void*>(area + offset), n);
                    else
                        std::memcpy(reinterpret_cast<void*>(area + offset), disk, n);
                    if (write && (t.transfer.flags & ant::block::transfer_flag::through) != 0)
                        std::memcpy(drive->medium.data() + position, disk, n);
                    position += n;
                    left -= n;
                }
                REQUIRE(left == 0);
            }
        }
    if (t.forwarded != 0) {
        finish(t.forwarded, error, error == Error::none ? t.transfer.bytes : 0, t.areas[0]);
        return;
    }
    for (const u64 area : t.areas) end_loan(area);
    try {
        (void)cache->result(t.control, error, &units);
        (void)cache->work();
    } catch (const Crash&) {
        crash();
    }
}

}  // namespace model

// What the cache sees -------------------------------------------------------------------------------------------

namespace ant::cache_server::host {

using model::Transferring;
using model::World;

namespace {

Result<std::uint64_t> enqueue(Transferring t) {
    World& w = *World::current;
    w.point();
    if (!w.drives.contains(t.driver)) return Failure(Error::not_found);
    if (const Error refused = w.perhaps_refuse(); refused != Error::none) return Failure(refused);
    // Control ICAs are used again.
    for (t.control = 0x1000'0000;; t.control += 0x1000)
        if (std::none_of(w.queue.begin(), w.queue.end(), [&](const auto& o) { return o.control == t.control; })) break;
    for (const auto area : t.areas) w.lend(area);
    w.queue.push_back(t);
    return t.control;
}

}  // namespace

std::uint64_t now_ns() { return World::current->now; }

std::uint64_t take_page() {
    World& w = *World::current;
    w.point();
    if (w.pages >= w.most_pages) return 0;
    ++w.pages;
    return w.new_area(block_bytes);
}

Result<std::uint64_t> units(unsigned driver) { return enqueue({0, driver, DriverCallKind::units, {}, {}}); }
Result<std::uint64_t> flush(unsigned driver, std::uint32_t unit) {
    return enqueue({0, driver, DriverCallKind::flush, {unit, 0, 0, 0, 0}, {}});
}
Result<std::uint64_t> transfer(unsigned driver, bool write, const block::Transfer& transfer, std::uint64_t area) {
    return enqueue({0, driver, write ? DriverCallKind::write : DriverCallKind::read, transfer, {area}});
}
Result<std::uint64_t> transfer_list(unsigned driver, bool write, const block::Transfer& transfer,
                                    std::span<const abi::DataListEntry> areas) {
    Transferring t{0, driver, write ? DriverCallKind::write : DriverCallKind::read, transfer, {}};
    for (const auto& entry : areas) t.areas.push_back(entry.address);
    REQUIRE(areas.size() <= abi::max_data_list);
    return enqueue(t);
}

bool forward(std::uint64_t control, unsigned driver, bool write, const block::Transfer& transfer, std::uint64_t area, bool) {
    World& w = *World::current;
    w.point();
    if (!w.drives.contains(driver) || w.perhaps_refuse() != Error::none || w.areas.at(area).loans != 0) return false;
    std::erase(w.held, control);
    w.call(control).held = false;
    w.call(control).forwarded = true;
    w.queue.push_back({0, driver, write ? DriverCallKind::write : DriverCallKind::read, transfer, {area}, control});
    return true;
}

Error answer(std::uint64_t control, Error error, std::int64_t value, std::uint64_t area) {
    World& w = *World::current;
    w.point();
    if (area != 0 && w.areas.at(area).loans != 0) return Error::on_loan;
    w.finish(control, error, value, area);
    return Error::none;
}

Error answer_disks(std::uint64_t control) { return answer(control, Error::none, 0, 0); }

}  // namespace ant::cache_server::host
