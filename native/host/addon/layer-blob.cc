// The binding of native/codec: reads, decompresses and hashes in the thread pool, into buffers that the
// caller keeps.
#include "layer-blob.h"

#include <string>

#include "codec/codec.h"

namespace mocker {
namespace {

/** Not another addon's external value. */
constexpr napi_type_tag tag = {0x6d6f636b65722d62, 0x6c6f622d72656164};

struct OpenBlob {
  MockerBlob* blob;
  int fd;
  uint32_t blobBits;
  uint32_t tarBits;
  bool busy = false;

  ~OpenBlob() { mocker_blob_free(blob); }
};

OpenBlob* opened(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal() || !info[0].As<Napi::Object>().CheckTypeTag(&tag))
    throw Napi::TypeError::New(info.Env(), "not an open blob");
  auto* blob = info[0].As<Napi::External<OpenBlob>>().Data();
  if (blob->busy) throw Napi::Error::New(info.Env(), "the blob is being read");
  return blob;
}

class Read : public Napi::AsyncWorker {
 public:
  Read(const Napi::CallbackInfo& info, OpenBlob* blob)
      : AsyncWorker(info.Env()),
        blob_(blob),
        available_(static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value())),
        last_(info[2].As<Napi::Boolean>()),
        deferred_(Napi::Promise::Deferred::New(info.Env())) {
    auto output = info[3].As<Napi::Uint8Array>();
    output_ = output.Data();
    outputBytes_ = output.ByteLength();
    // Both live until this has run.
    holds_.Reset(Napi::Object::New(info.Env()), 1);
    holds_.Set("blob", info[0]);
    holds_.Set("output", output);
    blob_->busy = true;
  }

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    step_ = mocker_blob_read(blob_->blob, blob_->fd, available_, last_, output_, outputBytes_);
  }

  void OnOK() override {
    blob_->busy = false;
    auto result = Napi::Array::New(Env(), 3);
    result.Set(0u, Napi::Number::New(Env(), static_cast<double>(step_.produced)));
    result.Set(1u, Napi::Number::New(Env(), static_cast<double>(step_.position)));
    result.Set(2u, Napi::Number::New(Env(), step_.status));
    deferred_.Resolve(result);
  }

  void OnError(const Napi::Error& error) override {
    blob_->busy = false;
    deferred_.Reject(error.Value());
  }

 private:
  OpenBlob* blob_;
  uint64_t available_;
  bool last_;
  uint8_t* output_ = nullptr;
  size_t outputBytes_ = 0;
  MockerStep step_{};
  Napi::ObjectReference holds_;
  Napi::Promise::Deferred deferred_;
};

std::string hex(const uint8_t* bytes, size_t length) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < length; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

Napi::Value openBlob(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint32_t blobBits = info[1].As<Napi::Number>().Uint32Value();
  const uint32_t tarBits = info[2].As<Napi::Number>().Uint32Value();
  auto* blob = mocker_blob_new(blobBits, tarBits, info[3].As<Napi::Number>().Uint32Value());
  if (blob == nullptr) throw Napi::Error::New(env, "no such digest");
  auto* open = new OpenBlob{blob, info[0].As<Napi::Number>().Int32Value(), blobBits, tarBits};
  auto external = Napi::External<OpenBlob>::New(env, open, [](Napi::Env, OpenBlob* garbage) { delete garbage; });
  external.TypeTag(&tag);
  return external;
}

Napi::Value readBlob(const Napi::CallbackInfo& info) {
  auto* read = new Read(info, opened(info));
  const auto promise = read->promise();
  read->Queue();
  return promise;
}

Napi::Value finishBlob(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* open = opened(info);
  uint8_t blobDigest[64];
  uint8_t tarDigest[64];
  const bool complete = mocker_blob_finish(open->blob, blobDigest, tarDigest) == 1;
  auto result = Napi::Object::New(env);
  result.Set("blobDigest", Napi::String::New(env, hex(blobDigest, open->blobBits / 8)));
  result.Set("tarDigest", Napi::String::New(env, hex(tarDigest, open->tarBits / 8)));
  result.Set("complete", Napi::Boolean::New(env, complete));
  return result;
}

Napi::Value blobFormat(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), mocker_blob_format(opened(info)->blob));
}

}  // namespace mocker
