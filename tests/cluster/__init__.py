"""A real Kubernetes cluster of one node, made from source on a machine that has neither Docker nor a registry.

The control plane, the node and the operators run in namespaces of their own (network, mounts, processes), which a pair
of virtual interfaces joins to the host. Killing the first process in there ends all of it, containers and their mounts
included, and the host's own interfaces, packet filters and settings are never touched.

`site` says where everything lies, `daemons` how each is started, `inside` is the namespaces' first process, `outside`
starts and stops it, `images` packs what containers run, `operators` installs, `access` is what tests hold.
"""
