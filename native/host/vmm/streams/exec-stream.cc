#include "exec-stream.h"

#include "host/vmm/notice.h"
#include "host/vmm/records/records.h"

namespace mocker {
namespace {

/**
 * Framed anew, piece by piece, a window's worth of output takes a little more than it took in the guest's
 * frames; only one that comes in tiny pieces on purpose takes twice as much.
 */
constexpr size_t maxQueueBytes = 2 * creditWindowBytes;

}  // namespace

ExecStream::ExecStream(Loop& loop, Fd guest, std::string rest, std::function<void()> done)
    : loop_(loop),
      done_(std::move(done)),
      guest_(loop, std::move(guest), std::move(rest),
             {[this](FrameType stream, std::string_view bytes) { output(stream, bytes); }, [this] { outputEnd(); },
              [this](const Json& said) { message(said); }, [this] { update(); }, [this] { guestClosed(); }}) {}

void ExecStream::join(Fd client, std::string_view rest) {
  AttachClient::Events events;
  events.input = [this](std::string_view bytes) {
    if (guest_.isOpen()) guest_.input(bytes);
    update();
  };
  events.drained = [this] { update(); };
  events.closed = [this] { clientClosed(); };
  client_ = std::make_unique<AttachClient>(loop_, std::move(client), true, std::move(events));
  client_->raw(early_);
  std::string().swap(early_);
  if (exited_ || !guest_.isOpen()) return client_->end();
  client_->begin(rest);
  update();
}

void ExecStream::output(FrameType stream, std::string_view bytes) {
  if (exited_) return;
  if (client_) {
    client_->output(stream, bytes);
  } else {
    early_ += frame(stream, bytes);
  }
  if (queuedBytes() > maxQueueBytes) {
    notice("cut off a stream of the guest whose pieces are too small");
    guest_.close();
  }
}

void ExecStream::outputEnd() {
  if (client_) client_->sendOutput();
  update();
}

void ExecStream::message(const Json& message) {
  const Json* exit = objectOrNull(message, "exit");
  if (!exit || exited_) return;
  exited_ = true;
  const Json last = ExitRecord::fromGuest(*exit).frame();
  if (client_) return client_->end(last);
  early_ += jsonFrame(last);
}

void ExecStream::guestClosed() {
  if (!client_) return;
  if (client_->isOpen()) return client_->end();
  done_();
}

void ExecStream::clientClosed() {
  // Input that the client has left behind is still for the process.
  if (guest_.isOpen() && !exited_ && guest_.queuedInputBytes() > 0) return;
  if (guest_.isOpen()) return guest_.close();
  done_();
}

void ExecStream::update() {
  if (!client_) return guest_.grant(queuedBytes());
  if (!client_->isOpen()) {
    if (guest_.isOpen() && guest_.queuedInputBytes() == 0) return guest_.close();
    return guest_.grant(0);
  }
  client_->setReadingInput(guest_.queuedInputBytes() < maxInputQueueBytes);
  guest_.grant(client_->queuedBytes());
}

}  // namespace mocker
