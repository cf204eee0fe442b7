// Package frame has Ethernet frames: what is asked of those that a card sends, and the queues to the cards.
package frame

import (
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	// EthernetSize is the length of Ethernet's header.
	EthernetSize = header.EthernetMinimumSize
	// MaximumMTU is what fits into the 65,562 bytes of libkrun's buffers, beside its own header and Ethernet's.
	MaximumMTU = 65_520
)

// Frame is an Ethernet frame on its way to a card: the bytes that another card sent, or a packet of the
// gateway's. It has a reference to them, which is to be released.
type Frame struct {
	view   *buffer.View
	packet *stack.PacketBuffer
}

// OfView makes a frame of bytes, and takes the reference over.
func OfView(view *buffer.View) Frame { return Frame{view: view} }

// OfPacket makes a frame of a packet that has its link header, and takes the reference over.
func OfPacket(packet *stack.PacketBuffer) Frame { return Frame{packet: packet} }

// Size is its length in bytes, Ethernet's header included.
func (f Frame) Size() int {
	if f.view != nil {
		return f.view.Size()
	}
	return f.packet.Size()
}

// AppendTo appends its bytes, which stay its own.
func (f Frame) AppendTo(slices [][]byte) [][]byte {
	if f.view != nil {
		return append(slices, f.view.AsSlice())
	}
	return append(slices, f.packet.AsSlices()...)
}

// Release gives its reference back.
func (f Frame) Release() {
	if f.view != nil {
		f.view.Release()
	} else {
		f.packet.DecRef()
	}
}
