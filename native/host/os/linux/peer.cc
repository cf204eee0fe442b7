#include "host/os/peer.h"

#include <sys/socket.h>

#include "common/sys-error.h"

namespace mocker {

PeerCredentials peerCredentials(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) throwErrno("peer credentials");
  return {credentials.uid, credentials.gid, credentials.pid};
}

}  // namespace mocker
