"""A session recording server whose SIP and RTP are PJSIP's: pjsip_srs.py DIRECTORY PORT ADDRESS [CERTIFICATE KEY]

Listens on UDP and TCP, or inside TLS, takes one session with two tracks, wants them at ADDRESS, records each into DIRECTORY/trackN.wav, and at
the BYE prints what it counted as JSON: packets, lost and discarded of each track, and how often the session was changed. Each body of an INVITE is a line of
DIRECTORY/bodies in hexadecimal.
"""
import ctypes
import json
import sys
import time

import pjsua2 as pj
from pjsua2 import _pjsua2

directory, port, address = sys.argv[1], int(sys.argv[2]), sys.argv[3]
SUPPORTED = 36  # of enum pjsip_hdr_e
told = {"tracks": {}, "changes": 0}
calls = []
over = False


class Session(pj.Call):
    def onCallMediaState(self, prm):
        # What the binding gives lives as long as what it was taken from.
        info = self.getInfo()
        for media in info.media:
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.dir & pj.PJMEDIA_DIR_DECODING:
                if media.index not in self.recorders:
                    recorder = pj.AudioMediaRecorder()
                    recorder.createRecorder(f"{directory}/track{media.index}.wav")
                    self.recorders[media.index] = recorder
                self.getAudioMedia(media.index).startTransmit(self.recorders[media.index])

    def onCallTsxState(self, prm):
        event = prm.e.body.tsxState
        if event.tsx.method == "INVITE" and event.type == pj.PJSIP_EVENT_RX_MSG and event.tsx.state == pj.PJSIP_TSX_STATE_TRYING:
            keep(event.src.rdata.wholeMsg)
            told["changes"] += 1

    def onStreamDestroyed(self, prm):
        """Of a track that goes on after a pause there are several streams."""
        stat = self.getStreamStat(prm.streamIdx).rtcp.rxStat
        track = told["tracks"].setdefault(prm.streamIdx, {"packets": 0, "lost": 0, "discarded": 0, "duplicates": 0})
        for name, value in (("packets", stat.pkt), ("lost", stat.loss), ("discarded", stat.discard), ("duplicates", stat.dup)):
            track[name] += value

    def onCallState(self, prm):
        global over
        over = self.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED


def keep(message):
    body = message.split("\r\n\r\n", 1)[1]
    if body:
        with open(f"{directory}/bodies", "a") as file:
            file.write(body.encode().hex() + "\n")


class Server(pj.Account):
    def onIncomingCall(self, prm):
        keep(prm.rdata.wholeMsg)
        call = Session(self, prm.callId)
        call.recorders = {}
        calls.append(call)
        answer = pj.CallOpParam(True)
        answer.statusCode = 200
        answer.opt.audioCount, answer.opt.videoCount = 2, 0
        call.answer(answer)


class Tag(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char_p), ("length", ctypes.c_long)]


def support(option):
    """The Python binding lacks the call by which an application says which extension it speaks."""
    library = ctypes.CDLL(_pjsua2.__file__)
    library.pjsua_get_pjsip_endpt.restype = ctypes.c_void_p
    tag = Tag(option, len(option))
    endpoint = ctypes.c_void_p(library.pjsua_get_pjsip_endpt())
    assert library.pjsip_endpt_add_capability(endpoint, None, SUPPORTED, None, 1, ctypes.byref(tag)) == 0


endpoint = pj.Endpoint()
endpoint.libCreate()
config = pj.EpConfig()
config.uaConfig.threadCnt = 0
config.uaConfig.mainThreadOnly = True
config.logConfig.level, config.logConfig.consoleLevel = 4, 0
config.logConfig.filename = f"{directory}/pjsip.log"
config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
config.medConfig.noVad = True
endpoint.libInit(config)
endpoint.audDevManager().setNullDev()
transport = pj.TransportConfig()
transport.port, transport.boundAddress = port, "127.0.0.1"
if len(sys.argv) > 4:
    transport.tlsConfig.certFile, transport.tlsConfig.privKeyFile = sys.argv[4:]
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, transport)
else:
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_TCP, transport)
endpoint.libStart()
support(b"siprec")
account = pj.AccountConfig()
account.idUri = f"sip:srs@127.0.0.1:{port}"
media = account.mediaConfig.transportConfig
media.boundAddress, media.publicAddress = "127.0.0.1", address
account.callConfig.timerUse = pj.PJSUA_SIP_TIMER_ALWAYS
server = Server()
server.create(account)
print("ready", flush=True)
end = time.monotonic() + 60
while not over and time.monotonic() < end:
    endpoint.libHandleEvents(20)
print(json.dumps(told), flush=True)
while calls:
    calls.pop().recorders.clear()
endpoint.libDestroy()
