// Session: one HTTP connection, without its socket. Bytes go in, bytes come out, at whatever pace.
#pragma once

#include "chunked.hpp"
#include "http.hpp"
#include "paths.hpp"

#include <ant/abi/error.hpp>
#include <ant/sha256.hpp>
#include <ant/stream.hpp>

#include <array>
#include <cstddef>
#include <span>

namespace ant::web {

// What the status page shows.
struct Site {
    std::uint64_t uptime_us = 0;
    std::uint64_t requests = 0;
    std::uint64_t connections = 0;
    std::array<char, 33> token{};  // for uploads; hexadecimal
};

class Session {
public:
    static constexpr std::size_t max_head = 8192;
    static constexpr std::uint64_t max_body = std::uint64_t{1} << 40;

    explicit Session(Site& site) : site_{&site} {}
    // In a process that has taken over from the one that made this session.
    void attach(Site& site) { site_ = &site; }

    // So many bytes may be given to input() now; 0: there is output to send first.
    [[nodiscard]] std::size_t readable(std::size_t most) const;
    void input(std::span<const std::byte> bytes);
    void end_of_input();
    // The client was too slow.
    void give_up();

    // Bytes of the answer that are left to send.
    [[nodiscard]] std::uint64_t output_bytes() const { return (text_bytes_ - text_sent_) + stream_left_; }
    // Copies the front of the output, as much as fits; sent() then says how much of it is gone.
    std::size_t output(std::span<std::byte> out) const;
    void sent(std::size_t bytes);

    // Files are somebody else's business (FileTransfer). The session asks for one, by file() or with its upload.
    enum class Wish : std::uint8_t { none, file, upload };
    [[nodiscard]] Wish wish() const { return state_ == State::opening ? wish_ : Wish::none; }
    [[nodiscard]] const Path& file() const { return path_; }
    // It is there: the head of the answer becomes output, `bytes` of contents are to follow it. -> whether any are
    bool file_found(std::uint64_t bytes);
    void file_is_folder();
    void file_sent();  // all of it
    // Not to be had, or no longer. For "/" there is a page instead.
    void file_failed(Error error);
    // Contents of the upload are put into `buffer`, until it is full or all is there.
    void upload_begun(std::span<std::byte> buffer);
    void upload_goes_on(std::span<std::byte> buffer);
    [[nodiscard]] std::size_t uploaded() const { return buffer_used_; }  // waiting in the buffer
    [[nodiscard]] bool upload_to_write() const;
    [[nodiscard]] bool upload_complete() const { return state_ == State::storing; }
    void upload_stored();

    // All is said: our direction ends. What the client still sends is read and forgotten.
    [[nodiscard]] bool finished() const { return state_ == State::finished; }
    // Nothing of a request has come yet, or only a part of its head.
    [[nodiscard]] bool waiting_for_request() const { return state_ == State::head && output_bytes() == 0; }
    [[nodiscard]] bool idle() const { return waiting_for_request() && input_bytes_ == 0; }

private:
    // opening: waits for the file server. storing: an upload is all here, and not yet on disk.
    enum class State : std::uint8_t { head, body, opening, storing, answer, finished };

    void advance();
    bool take_head();
    bool take_body();
    void route(const Request& request);
    void random(const Request& request);
    void open_file(const Request& request);
    void begin_upload(const Request& request);
    [[nodiscard]] bool may_upload(std::string_view token) const;
    void receive_body(const Request& request, Wish wish);
    [[nodiscard]] std::size_t body_room() const;
    void body_ends();
    void take_contents(std::span<const std::byte> bytes);
    void answer_sink();
    void answer_page();
    void respond(Status status, const char* type, std::string_view body);
    void respond_head(Status status, const char* type, std::uint64_t length);
    void fail(Status status);
    void drop(std::size_t bytes);
    template <class... Arguments>
    void say(const char* format, Arguments... arguments);

    Site* site_;
    State state_ = State::head;
    bool keep_alive_ = true;
    bool head_only_ = false;  // the answer to HEAD
    bool chunked_ = false;
    bool file_under_way_ = false;  // its contents follow the head of the answer
    bool continue_ = false;        // the client waits for "100 Continue"
    Wish wish_ = Wish::none;
    Path path_{};
    std::byte* buffer_ = nullptr;  // of an upload
    std::size_t buffer_bytes_ = 0, buffer_used_ = 0;
    ChunkedDecoder decoder_{};
    std::uint64_t body_left_ = 0;
    std::uint64_t body_bytes_ = 0;
    Sha256 hash_{};
    std::uint64_t seed_ = 0, stream_offset_ = 0, stream_left_ = 0;
    std::size_t input_bytes_ = 0;
    std::size_t text_bytes_ = 0, text_sent_ = 0;
    std::array<char, max_head> input_{};
    std::array<char, 3072> text_{};  // head of the answer and short bodies
};

}  // namespace ant::web
