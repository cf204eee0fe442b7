// Package control serves the control socket, by which the engine governs a network.
package control

import (
	"bufio"
	"encoding/json"
	"net"
	"os"

	"mocker/netd/lines"
	"mocker/netd/network"
	"mocker/netd/request"
	"mocker/netd/settings"
	"mocker/netd/sockets"
)

const (
	version        = 1
	maximumLine    = 1 << 20
	maximumClients = 64
)

// client is one client of the control socket.
type client struct {
	connection *net.UnixConn
	network    *network.Network
	lines      *lines.Queue
}

// Serve accepts the engine's connections until the listener is closed.
func Serve(listener *net.UnixListener, network *network.Network) {
	clients := make(chan struct{}, maximumClients)
	for {
		connection, err := sockets.Accept(listener)
		if err != nil {
			return
		}
		select {
		case clients <- struct{}{}:
			made := &client{connection: connection, network: network, lines: lines.NewQueue()}
			go func() {
				defer func() { <-clients }()
				made.serve()
			}()
		default:
			connection.Close()
		}
	}
}

// serve answers requests in their order until the client has gone, or does not read what it is told.
func (c *client) serve() {
	defer c.connection.Close()
	defer c.lines.Close()
	go c.lines.SendTo(c.connection)
	c.network.Events.Add(c.lines)
	defer c.network.Events.Remove(c.lines)
	reader := bufio.NewReaderSize(c.connection, 16<<10)
	for {
		line, err := lines.Read(reader, maximumLine)
		if err != nil {
			return
		}
		if !c.lines.Push(c.answer(line)) {
			return
		}
	}
}

// response is the answer to a request; its id is null when the request's could not be read.
type response struct {
	ID     *json.Number   `json:"id"`
	Result any            `json:"result,omitempty"`
	Error  *request.Error `json:"error,omitempty"`
}

func (c *client) answer(line []byte) response {
	var read request.Line
	if err := lines.DecodeStrictly(line, &read); err != nil {
		return response{Error: request.Failure("INVALID_REQUEST", "%v", err)}
	}
	if read.ID == nil {
		return response{Error: request.Failure("INVALID_REQUEST", "the request has no id")}
	}
	result, err := c.call(read.Method, read.Params)
	if err != nil {
		return response{ID: read.ID, Error: err}
	}
	return response{ID: read.ID, Result: result}
}

func (c *client) call(method string, params json.RawMessage) (any, *request.Error) {
	type nothing struct{}
	switch method {
	case "hello":
		return helloResult{version, c.network.Settings.NetworkID, os.Getpid()}, nil
	case "status":
		return statusResult{c.network.Status()}, nil
	case "endpoint.add":
		var add request.Add
		if err := decodeParams(params, &add, c.network.Settings); err != nil {
			return nil, err
		}
		ports, err := c.network.Add(&add)
		return addResult{ports}, err
	case "endpoint.update":
		var update request.Update
		if err := decodeParams(params, &update, c.network.Settings); err != nil {
			return nil, err
		}
		return nothing{}, c.network.Update(&update)
	case "endpoint.remove":
		var remove request.Remove
		if err := decodeParams(params, &remove, c.network.Settings); err != nil {
			return nil, err
		}
		c.network.Remove(remove.EndpointID)
		return nothing{}, nil
	}
	return nil, request.Failure("UNKNOWN_METHOD", "there is no method %q", method)
}

type helloResult struct {
	Version   int    `json:"version"`
	NetworkID string `json:"networkId"`
	PID       int    `json:"pid"`
}

type statusResult struct {
	Endpoints []request.EndpointStatus `json:"endpoints"`
}

type addResult struct {
	Ports []request.BoundPort `json:"ports"`
}

// checkedParams are parameters that know whether they are good.
type checkedParams interface {
	Check(*settings.Settings) error
}

func decodeParams(params json.RawMessage, target checkedParams, network *settings.Settings) *request.Error {
	err := lines.DecodeStrictly(params, target)
	if err == nil {
		err = target.Check(network)
	}
	if err != nil {
		return request.Failure("INVALID_REQUEST", "%v", err)
	}
	return nil
}
