#include <ant/records.hpp>

#include <ant/ica.hpp>

namespace ant {

namespace record {

namespace {

std::uint64_t checksum(const PlaceHead* place, std::size_t words) {
    std::uint64_t sum = mix(seed(place), place->stamp);
    if (!place->live()) return sum;
    for (std::size_t i = 0; i < words; ++i) sum = mix(sum, place->data()[i]);
    return sum;
}

bool good(const PlaceHead* place, std::size_t words) { return place->empty() || checksum(place, words) == place->check; }

// Makes a place that was half written what it may have been before: one behind `other`, which is the record.
void undo(PlaceHead* place, const PlaceHead* other, std::size_t words) {
    if (good(place, words)) return;
    const bool first = other->sequence() <= step;
    if (!first) __builtin_memcpy(place->data(), other->data(), words * sizeof(std::uint64_t));
    place->stamp = first ? 0 : other->stamp - 2 * step;
    place->check = first ? 0 : checksum(place, words);
}

}  // namespace

Found Pair::look_closely(std::size_t words) const {
    const bool consecutive = newer->sequence() == older->sequence() + step;
    if (!consecutive || !good(newer, words)) return Found::damaged;
    return newer->live() ? Found::good : Found::none;
}

bool Pair::damaged(std::size_t words) const { return look(words) == Found::damaged || !good(older, words); }

}  // namespace record

namespace {

constexpr std::uint64_t store_magic = 0x5344'524f'4345'5231;  // "1RECORDS"
constexpr std::uint64_t max_table_bytes = std::uint64_t{1} << 30;

}  // namespace

std::uint64_t RecordStore::Entry::expected_check() const {
    std::uint64_t sum = record::mix(address, std::uint64_t{own_area} << 32 | std::uint64_t{table.version} << 16 | table.kind);
    sum = record::mix(sum, std::uint64_t{table.capacity} << 32 | table.record_bytes);
    return sum | 1;  // 0 says that the entry is free
}

Result<> RecordStore::valid(const Table& table) {
    const bool fits = table.record_bytes != 0 && table.record_bytes % sizeof(std::uint64_t) == 0 &&
                      table.record_bytes <= record::max_data && table.version != 0;
    if (!fits || table.capacity == 0 || table.capacity > max_table_bytes / (2 * record::max_bytes))
        return Failure(Error::invalid_argument);
    return {};
}

Result<RecordStore> RecordStore::create(std::uint32_t format, std::span<const Table> tables, std::uint32_t layout) {
    if (layout != one_area && layout != master) return Failure(Error::invalid_argument);
    std::size_t bytes = sizeof(Head);
    for (const Table& table : tables) {
        ANT_TRY(valid(table));
        if (layout == one_area) bytes += table_bytes(table);
    }
    Ica area = ANT_TRY(Ica::reserve(bytes));
    RecordStore store{area.as<Head>(), format};
    store.head_->magic = store_magic;
    const Result<> filled = store.fill(tables, layout);
    if (!filled) {
        for (Entry& entry : store.head_->entries) clear(entry);
        return Failure(filled.error());
    }
    (void)area.detach();
    return store;
}

Result<> RecordStore::fill(std::span<const Table> tables, std::uint32_t layout) {
    std::uint64_t inside = sys::address_of(head_ + 1);
    for (const Table& table : tables) {
        if (layout == master) {
            ANT_TRY(add_table(table));
        } else {
            ANT_TRY(list(table, inside, false));
            inside += table_bytes(table);
        }
    }
    return set_format(format_);
}

Result<RecordStore> RecordStore::adopt(const sys::State& registered) {
    if (registered.address == 0) return Failure(Error::not_found);
    if (registered.distrusted) return Failure(Error::state_refused);
    const std::size_t bytes = ANT_TRY(sys::ica_info(registered.address)).pages * abi::page_size;
    RecordStore store{reinterpret_cast<Head*>(registered.address), registered.format};
    if (bytes < sizeof(Head) || store.head_->magic != store_magic) return Failure(Error::state_refused);
    for (const Entry& entry : store.head_->entries)
        if (entry.used() && !store.intact(entry, bytes)) return Failure(Error::state_refused);
    if (!store.finish_interrupted()) return Failure(Error::state_refused);
    return store;
}

Result<> RecordStore::set_format(std::uint32_t format) {
    ANT_TRY(sys::state_register(sys::address_of(head_), format));
    format_ = format;
    return {};
}

Result<> RecordStore::add_table(const Table& table) {
    ANT_TRY(valid(table));
    Ica area = ANT_TRY(Ica::reserve(table_bytes(table)));
    ANT_TRY(list(table, area.address(), true));
    (void)area.detach();
    return {};
}

// The check, which is written last and at once, makes the entry one. An area that is not listed yet when the process
// ends belongs to no table: area_sweep releases it.
Result<> RecordStore::list(const Table& table, std::uint64_t address, bool own_area) {
    if (find(table.kind, table.version) != nullptr) return Failure(Error::exists);
    for (Entry& entry : head_->entries) {
        if (entry.used()) continue;
        entry.table = table;
        entry.own_area = own_area ? 1 : 0;
        entry.address = address;
        const std::uint64_t check = entry.expected_check();
        record::ordered();
        entry.check = check;
        record::ordered();
        return {};
    }
    return Failure(Error::too_many);
}

Result<> RecordStore::drop_table(std::uint16_t kind, std::uint16_t version) {
    Entry* entry = find(kind, version);
    if (entry == nullptr) return Failure(Error::not_found);
    clear(*entry);
    return {};
}

void RecordStore::clear(Entry& entry) {
    const bool has_area = entry.used() && entry.own_area != 0;
    entry.check = 0;
    record::ordered();
    if (has_area) (void)sys::ica_release(entry.address);
}

std::uint16_t RecordStore::table_version(std::uint16_t kind) const {
    std::uint16_t newest = 0;
    for (const Entry& entry : head_->entries)
        if (entry.used() && entry.table.kind == kind && entry.table.version > newest) newest = entry.table.version;
    return newest;
}

RecordStore::Entry* RecordStore::find(std::uint16_t kind, std::uint16_t version) const {
    for (Entry& entry : head_->entries)
        if (entry.used() && entry.table.kind == kind && entry.table.version == version) return &entry;
    return nullptr;
}

bool RecordStore::any_damaged() const {
    for (const Entry& entry : head_->entries) {
        if (!entry.used()) continue;
        for (unsigned index = 0; index < entry.table.capacity; ++index)
            if (entry.pair(index).damaged(entry.words())) return true;
    }
    return false;
}

// The entry says what it said when it was written, and its places lie in memory of this server.
bool RecordStore::intact(const Entry& entry, std::size_t area_bytes) const {
    if (entry.check != entry.expected_check() || !valid(entry.table)) return false;
    if (entry.own_area != 0) {
        const auto area = sys::ica_info(entry.address);
        return area && area->pages * abi::page_size >= entry.bytes();
    }
    const std::uint64_t begin = sys::address_of(head_ + 1);
    const std::uint64_t end = sys::address_of(head_) + area_bytes;
    return entry.address >= begin && entry.address <= end && entry.bytes() <= end - entry.address;
}

// The mark goes last: who is interrupted in here begins again.
bool RecordStore::finish_interrupted() {
    const std::uint64_t marked = head_->writing;
    if (marked == 0) return true;
    for (const Entry& entry : head_->entries) {
        if (!entry.used() || marked < entry.address || marked - entry.address >= entry.bytes()) continue;
        const std::uint64_t number = (marked - entry.address) / entry.place_bytes();
        if (entry.address + number * entry.place_bytes() != marked) return false;
        const std::uint64_t other = entry.address + (number ^ 1) * entry.place_bytes();
        record::undo(reinterpret_cast<record::PlaceHead*>(marked), reinterpret_cast<const record::PlaceHead*>(other),
                     entry.words());
        record::ordered();
        head_->writing = 0;
        return true;
    }
    return false;
}

}  // namespace ant
