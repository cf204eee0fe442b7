// Frames: `type u8, 0 0 0, length u32be`, then `length` bytes. See engine/protocol/stream.ts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "json.h"

namespace mocker {

enum class FrameType : uint8_t { in = 0, out = 1, err = 2, json = 3 };

constexpr size_t frameHeaderBytes = 8;
constexpr size_t maxFramePayloadBytes = 1 << 20;

/** Writes the 8 bytes of a header to `at`. */
void putFrameHeader(char* at, FrameType type, uint32_t payloadBytes);

/** A whole frame. */
std::string frame(FrameType type, std::string_view payload);
std::string jsonFrame(const Json& value);

/** The peer sent what no peer of ours sends; its connection is to be closed. */
class ProtocolError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/**
 * Cuts a byte stream into frames. Stream bytes are handed on as they come, in pieces, so that nothing but
 * JSON is ever buffered here, and that only up to `maxJsonBytes`.
 */
class FrameDecoder {
 public:
  explicit FrameDecoder(size_t maxJsonBytes = maxFramePayloadBytes) : maxJsonBytes_(maxJsonBytes) {}

  void setMaxJsonBytes(size_t bytes) { maxJsonBytes_ = bytes; }

  /**
   * Feeds `bytes`. `handler.onData(type, piece)` is called for pieces of stdin, stdout and stderr frames (an
   * empty piece: a frame of length 0), `handler.onJson(text)` for whole JSON frames; and, of a handler that
   * has it, `handler.onHeader(type)` when a frame begins. A callback that returns false stops the feeding,
   * and may have destroyed this decoder. Returns how many bytes were used. Throws ProtocolError.
   */
  template <typename Handler>
  size_t feed(std::string_view bytes, Handler&& handler) {
    size_t used = 0;
    while (used < bytes.size()) {
      if (headerBytes_ < frameHeaderBytes) {
        const size_t take = std::min(frameHeaderBytes - headerBytes_, bytes.size() - used);
        bytes.copy(header_ + headerBytes_, take, used);
        headerBytes_ += take;
        used += take;
        if (headerBytes_ < frameHeaderBytes) break;
        beginFrame();
        if (left_ == 0) headerBytes_ = 0;
        if constexpr (requires { handler.onHeader(type_); }) {
          if (!handler.onHeader(type_)) return used;
        }
        if (headerBytes_ == 0) {
          if (type_ == FrameType::json) throw ProtocolError("empty JSON frame");
          if (!handler.onData(type_, std::string_view())) return used;
        }
        continue;
      }
      const std::string_view piece = bytes.substr(used, left_);
      used += piece.size();
      left_ -= piece.size();
      if (left_ == 0) headerBytes_ = 0;
      if (type_ != FrameType::json) {
        if (!handler.onData(type_, piece)) return used;
        continue;
      }
      json_.append(piece);
      if (left_ > 0) continue;
      std::string text;
      text.swap(json_);
      if (!handler.onJson(std::move(text))) return used;
    }
    return used;
  }

 private:
  void beginFrame();

  size_t maxJsonBytes_;
  char header_[frameHeaderBytes] = {};
  size_t headerBytes_ = 0;
  FrameType type_ = FrameType::in;
  size_t left_ = 0;
  std::string json_;
};

}  // namespace mocker
