#include "frame.h"

namespace mocker {

void putFrameHeader(char* at, FrameType type, uint32_t payloadBytes) {
  at[0] = static_cast<char>(type);
  at[1] = at[2] = at[3] = 0;
  for (int i = 0; i < 4; ++i) at[4 + i] = static_cast<char>(payloadBytes >> (24 - 8 * i));
}

std::string frame(FrameType type, std::string_view payload) {
  std::string bytes(frameHeaderBytes, '\0');
  putFrameHeader(bytes.data(), type, static_cast<uint32_t>(payload.size()));
  bytes.append(payload);
  return bytes;
}

std::string jsonFrame(const Json& value) {
  return frame(FrameType::json, toText(value));
}

void FrameDecoder::beginFrame() {
  const auto byte = [&](int i) { return static_cast<uint32_t>(static_cast<unsigned char>(header_[i])); };
  if (byte(0) > static_cast<uint32_t>(FrameType::json) || byte(1) != 0 || byte(2) != 0 || byte(3) != 0) {
    throw ProtocolError("not a frame");
  }
  type_ = static_cast<FrameType>(byte(0));
  left_ = byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7);
  if (left_ > (type_ == FrameType::json ? maxJsonBytes_ : maxFramePayloadBytes)) {
    throw ProtocolError("frame of " + std::to_string(left_) + " bytes");
  }
}

}  // namespace mocker
