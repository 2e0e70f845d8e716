"""Each engine in a network namespace of its own, and the only way out is a relay that can be cut.

The brokers listen on this machine's loopback and say so to their clients. Inside a namespace the same
addresses are the relay's: its sockets listen in there, and what it connects to is out here. So the
engine needs no other configuration, and nothing else on the machine is touched."""
import asyncio, ctypes, os, socket, subprocess, threading

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def missing():
    """Why there can be no namespaces here; None: there can."""
    name = f"kairos-probe-{os.getpid()}"
    try:
        made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    except FileNotFoundError:
        return "there is no program ip (Debian: iproute2)"
    if made.returncode != 0:
        return f"ip netns add: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name])
    return None


class Namespace:
    def __init__(self, name):
        self.name = name
        subprocess.run(["ip", "netns", "add", name], check=True)
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)

    def socket(self):
        """A TCP socket that lives in there. The calling thread comes back at once."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as there:
            self._enter(there.fileno())
            try:
                return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            finally:
                self._enter(home.fileno())

    @staticmethod
    def _enter(descriptor):
        if _libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def close(self):
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)


class Relay:
    """Carries bytes between a namespace's ports and the same ports out here, until it is cut:

    hold     nothing gets through, nothing is lost: late replies come when it is healed
    replies  what the engine says arrives, the answers are lost, and healing hangs up
    reset    connections are reset, new ones too
    """

    def __init__(self, namespace, ports):
        self.namespace, self.ports = namespace, ports
        self.mode = None
        self._pairs = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()
        self._ready.wait()

    def _run(self):
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._open = asyncio.Event()
        self._open.set()
        self._loop.set_exception_handler(lambda loop, context: None)
        for port in self.ports:
            listener = self.namespace.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            self._loop.run_until_complete(asyncio.start_server(
                lambda reader, writer, port=port: self._pair(port, reader, writer), sock=listener))
        self._ready.set()
        self._loop.run_forever()

    async def _pair(self, port, reader, writer):
        if self.mode == "reset":
            writer.transport.abort()
            return
        await self._open.wait()
        try:
            outer_reader, outer_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, outer_writer)
        self._pairs.add(pair)
        ways = [asyncio.ensure_future(self._carry(reader, outer_writer, False)),
                asyncio.ensure_future(self._carry(outer_reader, writer, True))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in pair:
            end.transport.abort()
        self._pairs.discard(pair)

    async def _carry(self, reader, writer, is_reply):
        try:
            while data := await reader.read(65536):
                if is_reply and self.mode == "replies":
                    continue
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass

    def cut(self, mode):
        def do():
            self.mode = mode
            if mode == "hold":
                self._open.clear()
            if mode == "reset":
                self._hang_up()
        self._loop.call_soon_threadsafe(do)

    def heal(self):
        def do():
            # Half of a conversation is missing: it cannot go on.
            if self.mode == "replies":
                self._hang_up()
            self.mode = None
            self._open.set()
        self._loop.call_soon_threadsafe(do)

    def _hang_up(self):
        for pair in list(self._pairs):
            for end in pair:
                end.transport.abort()

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
