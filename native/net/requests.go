package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
)

const (
	maximumNames = 256
	maximumPorts = 4096
)

// request is a line of the control socket.
type request struct {
	ID     *json.Number    `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// addRequest has the parameters of `endpoint.add`.
type addRequest struct {
	EndpointID  string        `json:"endpointId"`
	MAC         string        `json:"mac"`
	Address     string        `json:"address"`
	Names       []string      `json:"names"`
	HostGateway bool          `json:"hostGateway"`
	Upstream    []string      `json:"upstream"`
	Ports       []portRequest `json:"ports"`

	mac      macAddress
	address  netip.Addr
	upstream []netip.Addr
}

// updateRequest has the parameters of `endpoint.update`.
type updateRequest struct {
	EndpointID string    `json:"endpointId"`
	Names      *[]string `json:"names"`
	Up         *bool     `json:"up"`
}

// removeRequest has the parameters of `endpoint.remove`.
type removeRequest struct {
	EndpointID string `json:"endpointId"`
}

// portRequest asks for a published port. Without an address it is one on all addresses of both families;
// without a host port it is any that is free.
type portRequest struct {
	Protocol    string `json:"protocol"`
	GuestPort   uint16 `json:"guestPort"`
	HostAddress string `json:"hostAddress"`
	HostPort    uint16 `json:"hostPort"`
}

// boundPort is a published port as it is.
type boundPort portRequest

// endpointStatus is a VM's part of `status`. Bytes are counted as the VM sees them; dropped frames are those
// that it sent and might not, and those that it did not read in time.
type endpointStatus struct {
	EndpointID    string      `json:"endpointId"`
	MAC           string      `json:"mac"`
	Address       netip.Addr  `json:"address"`
	Names         []string    `json:"names"`
	Connected     bool        `json:"connected"`
	Up            bool        `json:"up"`
	Ports         []boundPort `json:"ports"`
	RxBytes       uint64      `json:"rxBytes"`
	TxBytes       uint64      `json:"txBytes"`
	DroppedFrames uint64      `json:"droppedFrames"`
}

// removedEvent tells that an endpoint has gone without having been removed by a request.
type removedEvent struct {
	Event      string `json:"event"`
	EndpointID string `json:"endpointId"`
}

var endpointIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$`)

func (r *addRequest) check(settings *settings) error {
	if err := checkEndpointID(r.EndpointID); err != nil {
		return err
	}
	mac, err := net.ParseMAC(r.MAC)
	if err != nil || len(mac) != len(r.mac) || !macAddress(mac).isUnicast() {
		return fmt.Errorf("mac %q is not a unicast Ethernet address", r.MAC)
	}
	r.mac = macAddress(mac)
	r.address, err = netip.ParseAddr(r.Address)
	if err != nil || !isHost(settings.Subnet, r.address) || r.address == settings.Gateway {
		return fmt.Errorf("address %q is not a VM's in %s", r.Address, settings.Subnet)
	}
	if err := checkNames(r.Names); err != nil {
		return err
	}
	for _, server := range r.Upstream {
		address, err := netip.ParseAddr(server)
		if err != nil {
			return fmt.Errorf("upstream %q is not an IP address", server)
		}
		r.upstream = append(r.upstream, address)
	}
	if len(r.upstream) > maximumServers {
		r.upstream = r.upstream[:maximumServers]
	}
	if len(r.Ports) > maximumPorts {
		return fmt.Errorf("more than %d ports", maximumPorts)
	}
	for _, port := range r.Ports {
		if port.Protocol != "tcp" && port.Protocol != "udp" {
			return fmt.Errorf("protocol %q is neither tcp nor udp", port.Protocol)
		}
		if port.GuestPort == 0 {
			return errors.New("guestPort is missing")
		}
	}
	return nil
}

func (r *updateRequest) check(*settings) error {
	if r.Names != nil {
		if err := checkNames(*r.Names); err != nil {
			return err
		}
	}
	return checkEndpointID(r.EndpointID)
}

func (r *removeRequest) check(*settings) error { return checkEndpointID(r.EndpointID) }

func checkEndpointID(id string) error {
	if !endpointIDPattern.MatchString(id) {
		return fmt.Errorf("endpointId %q is not valid", id)
	}
	return nil
}

func checkNames(names []string) error {
	if len(names) > maximumNames {
		return fmt.Errorf("more than %d names", maximumNames)
	}
	for _, name := range names {
		if name == "" || len(name) > 253 {
			return fmt.Errorf("name %q is not valid", name)
		}
	}
	return nil
}
