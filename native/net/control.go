package main

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
)

const (
	controlVersion   = 1
	maximumLine      = 1 << 20
	maximumControls  = 64
	maximumUnread    = 1024
	maximumUnreadLen = 8 << 20
)

// control is one client of the control socket.
type control struct {
	connection *net.UnixConn
	network    *network
	lines      *lineQueue
}

// serveControls accepts the engine's connections.
func serveControls(listener *net.UnixListener, network *network) {
	clients := newSlots(maximumControls)
	for {
		connection, err := acceptOwn(listener)
		if err != nil {
			return
		}
		if !clients.take() {
			connection.Close()
			continue
		}
		client := &control{connection: connection, network: network, lines: newLineQueue()}
		go func() {
			defer clients.giveBack()
			client.serve()
		}()
	}
}

// serve answers requests in their order until the client has gone, or does not read what it is told.
func (c *control) serve() {
	defer c.connection.Close()
	defer c.lines.close()
	go c.lines.writeTo(c.connection)
	c.network.events.add(c.lines)
	defer c.network.events.remove(c.lines)
	reader := bufio.NewReaderSize(c.connection, 16<<10)
	for {
		line, err := readLine(reader, maximumLine)
		if err != nil {
			return
		}
		if !c.lines.push(c.answer(line)) {
			return
		}
	}
}

// response is the answer to a request; its id is null when the request's could not be read.
type response struct {
	ID     *json.Number  `json:"id"`
	Result any           `json:"result,omitempty"`
	Error  *requestError `json:"error,omitempty"`
}

func (c *control) answer(line []byte) response {
	var read request
	if err := decodeStrictly(line, &read); err != nil {
		return response{Error: failure("INVALID_REQUEST", "%v", err)}
	}
	if read.ID == nil {
		return response{Error: failure("INVALID_REQUEST", "the request has no id")}
	}
	result, err := c.call(read.Method, read.Params)
	if err != nil {
		return response{ID: read.ID, Error: err}
	}
	return response{ID: read.ID, Result: result}
}

func (c *control) call(method string, params json.RawMessage) (any, *requestError) {
	type nothing struct{}
	switch method {
	case "hello":
		return helloResult{controlVersion, c.network.settings.NetworkID, os.Getpid()}, nil
	case "status":
		return statusResult{c.network.status()}, nil
	case "endpoint.add":
		var add addRequest
		if err := decodeParams(params, &add, c.network.settings); err != nil {
			return nil, err
		}
		ports, err := c.network.add(&add)
		return addResult{ports}, err
	case "endpoint.update":
		var update updateRequest
		if err := decodeParams(params, &update, c.network.settings); err != nil {
			return nil, err
		}
		return nothing{}, c.network.update(&update)
	case "endpoint.remove":
		var remove removeRequest
		if err := decodeParams(params, &remove, c.network.settings); err != nil {
			return nil, err
		}
		c.network.remove(remove.EndpointID)
		return nothing{}, nil
	}
	return nil, failure("UNKNOWN_METHOD", "there is no method %q", method)
}

type helloResult struct {
	Version   int    `json:"version"`
	NetworkID string `json:"networkId"`
	PID       int    `json:"pid"`
}

type statusResult struct {
	Endpoints []endpointStatus `json:"endpoints"`
}

type addResult struct {
	Ports []boundPort `json:"ports"`
}

// checkedParams are parameters that know whether they are good.
type checkedParams interface{ check(*settings) error }

func decodeParams(params json.RawMessage, target checkedParams, settings *settings) *requestError {
	err := decodeStrictly(params, target)
	if err == nil {
		err = target.check(settings)
	}
	if err != nil {
		return failure("INVALID_REQUEST", "%v", err)
	}
	return nil
}
