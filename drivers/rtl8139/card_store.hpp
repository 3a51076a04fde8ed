// The state ICA: a record store with one record, the card's. It says what the driver was told, and where its live
// area is (state.hpp). Its version is the format that the state is registered with.
#pragma once

#include "state.hpp"

#include <ant/records.hpp>

#include <array>

namespace rtl8139 {

struct Card {
    std::uint64_t live = 0;  // address of the live area
    Settings settings;
};

struct CardRecord1 {
    std::uint64_t live;
    std::uint64_t multicast;
    std::uint32_t promiscuous;
    std::uint32_t reserved;
};
struct CardRecord2 {
    std::uint64_t flags;  // 1: promiscuous
    std::uint64_t multicast;
    std::uint64_t live;
};

class CardStore {
public:
    static ant::Result<CardStore> create(std::uint32_t format, const Card& card) {
        const std::array tables{table(format)};
        CardStore created{ANT_TRY(ant::RecordStore::create(format, tables))};
        created.commit(card);
        return created;
    }
    // state_refused if it is damaged.
    static ant::Result<CardStore> adopt(const ant::sys::State& registered) {
        CardStore adopted{ANT_TRY(ant::RecordStore::adopt(registered))};
        if (!adopted.load()) return ant::Failure(ant::Error::state_refused);
        return adopted;
    }

    [[nodiscard]] const Card& card() const { return card_; }
    [[nodiscard]] std::uint32_t format() const { return store_.format(); }

    void commit(const Card& card) {
        card_ = card;
        write(format());
    }
    // The record in that format from now on, at once.
    ant::Result<> change_format(std::uint32_t to) {
        const std::uint32_t from = format();
        if (from == to) return {};
        (void)store_.drop_table(kind, static_cast<std::uint16_t>(to));  // of a change that was interrupted
        ANT_TRY(store_.add_table(table(to)));
        write(to);
        ANT_TRY(store_.set_format(to));
        return store_.drop_table(kind, static_cast<std::uint16_t>(from));
    }
    template <class F>
    void for_each_area(F&& f) const {
        store_.for_each_area(f);
    }

private:
    static constexpr std::uint16_t kind = 1;
    explicit CardStore(const ant::RecordStore& store) : store_{store} {}

    static ant::Table table(std::uint32_t format) {
        if (format == 1) return ant::table_of<CardRecord1>(kind, 1, 1);
        return ant::table_of<CardRecord2>(kind, 2, 1);
    }
    bool load() {
        if (format() == 1) {
            CardRecord1 record;
            const auto records = store_.table<CardRecord1>(kind, 1);
            if (!records || records.any_damaged() || records.load(0, record) != ant::record::Found::good) return false;
            card_ = {record.live, {record.multicast, record.promiscuous != 0}};
            return true;
        }
        CardRecord2 record;
        const auto records = store_.table<CardRecord2>(kind, 2);
        if (!records || records.any_damaged() || records.load(0, record) != ant::record::Found::good) return false;
        card_ = {record.live, {record.multicast, (record.flags & 1) != 0}};
        return true;
    }
    void write(std::uint32_t format) {
        const std::uint32_t promiscuous = card_.settings.promiscuous ? 1 : 0;
        if (format == 1)
            store_.table<CardRecord1>(kind, 1).commit(0, {card_.live, card_.settings.multicast, promiscuous, 0});
        else
            store_.table<CardRecord2>(kind, 2).commit(0, {promiscuous, card_.settings.multicast, card_.live});
    }

    ant::RecordStore store_;
    Card card_;
};

}  // namespace rtl8139
