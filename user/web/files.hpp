// FileTransfer: what a connection has under way at the file server: a file that is sent, or an upload. Each step is an
// asynchronous call. It lies in the connection's area, as the session does, so that the next process of the web server goes on
// with it.
#pragma once

#include "session.hpp"

#include <ant/client.hpp>
#include <ant/ica.hpp>
#include <ant/interface/file.hpp>
#include <ant/server.hpp>

namespace ant::web {

extern constinit Client file_server;

class FileTransfer {
public:
    static constexpr std::size_t chunk_bytes = 64 * 1024;
    // Ahead of the contents in the area of the first chunk there is room for the head of the answer. The contents begin on a
    // page, so that the device can put them there.
    static constexpr std::size_t head_bytes = abi::page_size;

    // What the session wishes. `number`: of the connection; uploads under way have it in their name.
    void begin(Session& session, unsigned number);
    [[nodiscard]] bool waits_for(std::uint64_t control) const { return pending_ != 0 && pending_ == control; }
    [[nodiscard]] bool busy() const { return step_ != Step::none; }
    // There was no memory for the next call.
    [[nodiscard]] bool stalled() const { return sending() && pending_ == 0 && area_ == 0; }
    [[nodiscard]] bool sending() const { return step_ == Step::sending; }
    // A result has come. false: the connection cannot go on, its answer has begun already.
    [[nodiscard]] bool take(const CallResult& result, Session& session);
    // Writes what the session has put into the buffer of an upload, if it is time to.
    void go_on(Session& session);

    // Contents to be sent next: area, offset and length, the head of the answer included.
    [[nodiscard]] bool has_contents() const { return area_ != 0 && sending(); }
    struct Piece {
        Ica area;
        std::size_t offset, bytes;
        std::size_t head;  // of these, the head of the answer
    };
    Piece contents(const Session& session);
    // The piece is gone to the client, or lost: then it is read again.
    void sent(const Piece& piece, Session& session, bool lost);
    void abandon();

private:
    enum class Step : std::uint32_t { none, opening, making_folder, sending, receiving, syncing, renaming, confirming };

    void open(Session& session);
    void opened(const CallResult& result, Session& session);
    void read_next();
    void write(Session& session);
    void written(const CallResult& result, Session& session);
    void step_done(const CallResult& result, Session& session);
    void fail(Session& session, Error error);
    template <class P, class R>
    void ask(Session& session, const Function<P, R>& function, const P& params, Step step);
    [[nodiscard]] Path temporary() const;
    void close();

    Step step_ = Step::none;
    std::uint32_t number_ = 0;
    std::uint64_t pending_ = 0;  // control ICA of the call under way
    std::uint64_t area_ = 0;     // at hand: contents, or the buffer of the upload
    std::uint64_t position_ = 0, left_ = 0;
    std::uint32_t offset_ = 0, bytes_ = 0;  // of the contents in the area
    std::uint32_t handle_ = 0;
    bool open_ = false;
    bool uploading_ = false;
    bool folder_made_ = false;
};

}  // namespace ant::web
