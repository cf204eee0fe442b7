package host

import (
	"errors"
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Stream is a connection of the host's. One goroutine may read and one may write at a time.
type Stream struct {
	raw    syscall.RawConn
	closer io.Closer
	// For WriteAll.
	vectors []unix.Iovec
}

// NewStream is a stream of a connection or a file, whose descriptor does not block, and owns it.
func NewStream[C interface {
	syscall.Conn
	io.Closer
}](connection C) (*Stream, error) {
	raw, err := connection.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &Stream{raw: raw, closer: connection}, nil
}

// Read is as io.Reader has it.
func (s *Stream) Read(into []byte) (int, error) {
	var count int
	var failure error
	err := s.raw.Read(func(descriptor uintptr) bool {
		count, failure = read(int(descriptor), into)
		return failure != unix.EAGAIN
	})
	if err := errors.Join(err, failure); err != nil {
		return 0, err
	}
	if count == 0 && len(into) > 0 {
		return 0, io.EOF
	}
	return count, nil
}

// ReadWhenReady is as the function of this name.
func (s *Stream) ReadWhenReady() (*Buffer, int, error) { return ReadWhenReady(s.raw) }

// Write is as io.Writer has it.
func (s *Stream) Write(data []byte) (int, error) {
	left := data
	var failure error
	err := s.raw.Write(func(descriptor uintptr) bool {
		for len(left) > 0 {
			var count int
			if count, failure = write(int(descriptor), left); failure != nil {
				return failure != unix.EAGAIN
			}
			left = left[count:]
		}
		return true
	})
	return len(data) - len(left), errors.Join(err, failure)
}

// WriteAll writes all slices, one after the other.
func (s *Stream) WriteAll(slices [][]byte) error {
	s.vectors = s.vectors[:0]
	for _, slice := range slices {
		if len(slice) > 0 {
			vector := unix.Iovec{Base: &slice[0]}
			vector.SetLen(len(slice))
			s.vectors = append(s.vectors, vector)
		}
	}
	defer func() { clear(s.vectors) }()
	left := s.vectors
	var failure error
	err := s.raw.Write(func(descriptor uintptr) bool {
		for len(left) > 0 {
			var count int
			if count, failure = writeVectors(int(descriptor), left[:min(len(left), maximumVectors)]); failure != nil {
				return failure != unix.EAGAIN
			}
			left = skip(left, uint64(count))
		}
		return true
	})
	return errors.Join(err, failure)
}

// UIO_MAXIOV, see writev(2).
const maximumVectors = 1024

// skip leaves out the bytes that were written.
func skip(vectors []unix.Iovec, written uint64) []unix.Iovec {
	for len(vectors) > 0 && written >= vectors[0].Len {
		written -= vectors[0].Len
		vectors = vectors[1:]
	}
	if written > 0 {
		first := &vectors[0]
		first.Base = &unsafe.Slice(first.Base, first.Len)[written]
		first.Len -= written
	}
	return vectors
}

// CloseWrite ends what is sent.
func (s *Stream) CloseWrite() error {
	var failure error
	err := s.raw.Control(func(descriptor uintptr) { failure = shutdownWriting(int(descriptor)) })
	return errors.Join(err, failure)
}

// Close ends it in order.
func (s *Stream) Close() error { return s.closer.Close() }

// Abort ends it by a reset.
func (s *Stream) Abort() {
	s.raw.Control(func(descriptor uintptr) {
		unix.SetsockoptLinger(int(descriptor), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
	s.closer.Close()
}

var _ io.ReadWriteCloser = (*Stream)(nil)
