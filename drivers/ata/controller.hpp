// An IDE controller with two channels, as drivers/disk wants it. Port = channel * 2 + device.
#pragma once

#include "channel.hpp"

#include <array>

namespace ata {

template <PortBus Bus, class Host>
class Controller {
public:
    static constexpr unsigned max_ports = 4;
    struct State {
        ChannelState channel[2];
    };

    Controller(Bus& bus, Host& host, const std::array<Ports, 2>& ports, State& state, ant::block::Statistics& statistics)
        : host_{host},
          state_{state},
          channels_{ChannelOf{bus, host, ports[0], 0, state.channel[0], statistics},
                    ChannelOf{bus, host, ports[1], 1, state.channel[1], statistics}} {}

    template <class Quiet>
    ant::Error begin(Quiet&& quiet) {
        for (auto& channel : channels_) channel.stop_dma();
        quiet();
        for (auto& channel : state_.channel) {
            channel.table = host_.take_area(1);
            if (channel.table == 0) return ant::Error::no_memory;
        }
        for (auto& channel : channels_) channel.begin();
        return ant::Error::none;
    }
    [[nodiscard]] bool settled() const { return channels_[0].settled() && channels_[1].settled(); }
    [[nodiscard]] bool busy() const { return channels_[0].busy() || channels_[1].busy(); }
    [[nodiscard]] const disk::Drive& drive(unsigned port) const { return channels_[port / 2].drive(port % 2); }
    [[nodiscard]] bool room(unsigned port) const {
        const ChannelOf& channel = channels_[port / 2];
        return channel.room() && (!channel.simplex() || !channels_[1 - port / 2].busy());
    }
    void start(unsigned port, std::uint32_t token, const disk::Command& command) {
        channels_[port / 2].start(port % 2, token, command);
    }
    template <class Ended>
    void interrupt(Ended&& ended) {
        bool ours = false;
        for (auto& channel : channels_) ours |= channel.interrupt(ended);
        if (ours) return;
        for (auto& channel : channels_) channel.acknowledge();
    }
    template <class Ended>
    std::uint64_t look(std::uint64_t now_us, Ended&& ended) {
        const std::uint64_t first = channels_[0].look(now_us, ended), second = channels_[1].look(now_us, ended);
        return first < second ? first : second;
    }
    template <class Ended>
    void reset(unsigned port, Ended&& ended) {
        channels_[port / 2].reset(ended);
    }

private:
    using ChannelOf = Channel<Bus, Host>;
    Host& host_;
    State& state_;
    std::array<ChannelOf, 2> channels_;
};

}  // namespace ata
