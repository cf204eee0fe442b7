package network

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"

	"mocker/netd/frame"
	"mocker/netd/host"
	"mocker/netd/lines"
	"mocker/netd/sockets"
)

const (
	cardVersion        = 1
	maximumCardLine    = 4096
	handshakeTime      = 5 * time.Second
	frameLengthSize    = 4
	maximumFrameLength = 65_562
	// Handshakes that are not finished.
	maximumHandshakes = 256
)

// cardRequest is the line that a card's connection begins with.
type cardRequest struct {
	Version  int    `json:"version"`
	Endpoint string `json:"endpoint"`
}

// card is the connection to an endpoint's VM. Frames travel on it as libkrun's krun_add_net_unixstream has
// them: four bytes of length, big endian, and the frame.
type card struct {
	connection *net.UnixConn
	stream     *host.Stream
	reader     *bufio.Reader
	queue      *frame.Queue
	received   atomic.Uint64
	sent       atomic.Uint64
	dropped    atomic.Uint64
}

// ServeCards accepts the VMs' connections until the listener is closed.
func (n *Network) ServeCards(listener *net.UnixListener) {
	slots := make(chan struct{}, maximumHandshakes)
	for {
		connection, err := sockets.Accept(listener)
		if err != nil {
			return
		}
		select {
		case slots <- struct{}{}:
			go func() {
				endpoint, card := n.shakeHands(connection)
				<-slots
				if endpoint != nil {
					endpoint.serve(card)
				}
			}()
		default:
			connection.Close()
		}
	}
}

// shakeHands reads the first line and attaches the card. On failure the connection is closed.
func (n *Network) shakeHands(connection *net.UnixConn) (*endpoint, *card) {
	stream, err := host.NewStream(connection)
	if err != nil {
		connection.Close()
		return nil, nil
	}
	made := &card{
		connection: connection,
		stream:     stream,
		reader:     bufio.NewReaderSize(stream, 32<<10),
		queue:      frame.NewQueue(),
	}
	connection.SetDeadline(time.Now().Add(handshakeTime))
	endpoint, err := n.attachCard(made)
	if err != nil {
		answer, _ := json.Marshal(map[string]string{"error": err.Error()})
		connection.SetDeadline(time.Now().Add(handshakeTime))
		connection.Write(append(answer, '\n'))
		connection.Close()
		return nil, nil
	}
	if _, err := connection.Write([]byte("{\"ok\":true}\n")); err != nil {
		n.removeWithCard(endpoint)
		connection.Close()
		return nil, nil
	}
	connection.SetDeadline(time.Time{})
	return endpoint, made
}

func (n *Network) attachCard(card *card) (*endpoint, error) {
	line, err := lines.Read(card.reader, maximumCardLine)
	if err != nil {
		return nil, err
	}
	var request cardRequest
	if err := lines.DecodeStrictly(line, &request); err != nil {
		return nil, err
	}
	if request.Version != cardVersion {
		return nil, fmt.Errorf("version %d is not known", request.Version)
	}
	return n.attach(request.Endpoint, card)
}

// readFrame reads the next frame; one without content is nil.
func (c *card) readFrame() (*buffer.View, error) {
	var prefix [frameLengthSize]byte
	if _, err := io.ReadFull(c.reader, prefix[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(prefix[:])
	if length > maximumFrameLength {
		return nil, fmt.Errorf("a frame of %d bytes", length)
	}
	if length == 0 {
		return nil, nil
	}
	view := buffer.NewViewSize(int(length))
	if _, err := io.ReadFull(c.reader, view.AsSlice()); err != nil {
		view.Release()
		return nil, err
	}
	return view, nil
}

// send takes the frame over. It never blocks.
func (c *card) send(f frame.Frame) {
	if !c.queue.Push(f) {
		c.dropped.Add(1)
	}
}

// write writes what is queued until the connection or the queue is closed.
func (c *card) write() {
	var batch []frame.Frame
	var slices [][]byte
	prefixes := make([]byte, frame.MaximumBatchFrames*frameLengthSize)
	for {
		batch = c.queue.Next(batch)
		if len(batch) == 0 {
			return
		}
		slices = slices[:0]
		bytes := 0
		for i, f := range batch {
			prefix := prefixes[i*frameLengthSize:][:frameLengthSize]
			binary.BigEndian.PutUint32(prefix, uint32(f.Size()))
			slices = f.AppendTo(append(slices, prefix))
			bytes += f.Size()
		}
		err := c.stream.WriteAll(slices)
		for _, f := range batch {
			f.Release()
		}
		clear(batch)
		clear(slices)
		if err != nil {
			c.connection.Close()
			return
		}
		c.sent.Add(uint64(bytes))
	}
}

func (c *card) close() {
	c.queue.Close()
	c.connection.Close()
}
