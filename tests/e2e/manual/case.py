"""The manual: see README.md."""

import ast
import re
import shlex
import subprocess

import manuals
from e2e import CFG, FOLDER, ImClient, Phone, Rows, equal, gateway, run, say
from played import DRAWING, PLAYED

ROOT = CFG.parent
MANUAL_NAME = "doc/ipsmgw_admin.md"
MANUAL = ROOT / MANUAL_NAME

# An example that begins like this stands outside of routes.
OUTSIDE = re.compile(r"(modparam|loadmodule|route\[|event_route\[|#!)")


def blocks(kind):
    """(document, line, text) of each block of this kind. The pages with recipes and for monitoring have cases of their own."""
    for one in manuals.blocks(kind):
        if one.document not in ("doc/recipes.md", "doc/monitoring.md"):
            yield one.document, one.line, one.text


def first(text):
    """The first line that is no comment."""
    return next(line for line in text.splitlines() if line and not line.startswith("# "))


def is_for_kemi(text):
    return "event_callback" in text


def check_values(gw, script):
    """The parameters have the values of the examples."""
    given = dict(re.findall(r'^modparam\("ipsmgw", "(\w+)", "?(.*?)"?\)$', script, re.MULTILINE))
    shown = dict(re.findall(r"^\t([a-z_]+): ?(.*)$", gw.rpc("ipsmgw.settings"), re.MULTILINE))
    rows = Rows()
    for name, value in given.items():
        rows.check(name, shown[name], value)
    rows.done()


async def examples():
    "examples of parameters, functions, pseudo-variables and event routes are added to kamailio.cfg; Kamailio starts"
    script, count = [], 0
    for document, line, text in blocks("kamailio"):
        # The databases, files and addresses of these examples are not those of this gateway.
        if "loadmodule" in text or re.search('"(db_url|store_url|cdr_file|node_uri|msrp_socket)"', text) or is_for_kemi(text):
            continue
        script.append(f"# {document}, line {line}")
        script.append(text if OUTSIDE.match(first(text)) else f"route[EXAMPLE_{count}] {{\n{text}}}\n")
        count += 1
    async with gateway(script="\n".join(script)) as gw:
        # msrp.so asks for TLS, which this gateway has not.
        bad = [line for line in gw.log().splitlines() if re.search("ERROR|CRITICAL|WARNING", line) and "TLS is mandatory" not in line]
        equal(bad, [], "the log")
        check_values(gw, "\n".join(script))
    say(f"{count} examples")


async def examples_for_kemi():
    "the parameters that name functions of a KEMI script"
    script = "\n".join(text for _, _, text in blocks("kamailio") if is_for_kemi(text))
    lua = FOLDER / "kemi.lua"
    functions = "".join(f"function {name}(event) end\n" for name in re.findall(r'"(ksr_\w+)"', script))
    lua.write_text((CFG / "kamailio.lua").read_text() + functions)
    async with gateway(name="for_kemi", cfg=CFG / "kamailio-kemi.cfg", lua=lua, script=script) as gw:
        check_values(gw, script)


async def configurations():
    "an example with loadmodule is a configuration with all that the module needs; so is that of db_url with it"
    async with gateway(name="own") as gw:
        for document, line, text in blocks("kamailio"):
            if "loadmodule" not in text and '"db_url"' not in text:
                continue
            if "loadmodule" not in text:
                # The path of this example is the operator's.
                text = 'loadmodule "db_sqlite.so"\n' + manuals.block(MANUAL_NAME, "Kamailio modules") + text
            cfg = FOLDER / f"line-{line}.cfg"
            text = text.replace('"ipsmgw.so"', f'"{gw.env["IPSMGW_MODULE"]}"')
            cfg.write_text(f"#!KAMAILIO\nlog_stderror=yes\nlisten=udp:127.0.0.1:5060\nauto_aliases=no\n{text}\nrequest_route {{\n\texit;\n}}\n")
            said = subprocess.run([*gw.program, "-c", "-f", cfg], capture_output=True, text=True)
            equal((said.returncode, re.findall(".*(?:ERROR|WARNING).*", said.stderr)), (0, []), f"{document}, line {line}")


async def kemi_names():
    "the manual names the functions of KSR.ipsmgw"
    named = re.findall(r"`KSR\.ipsmgw\.(\w+)\(", MANUAL.read_text())
    async with gateway(name="kemi", cfg=CFG / "kamailio-kemi.cfg", lua=CFG / "kamailio.lua") as gw:
        listed = gw.rpc("app_lua.api_list")
        there = re.findall(r"module: ipsmgw\n\t*name: (\w+)", listed) or re.findall(r"name: ipsmgw\.(\w+)", listed)
        equal(set(named), set(there), "the names")


def shape(answer):
    """The names of the fields of an RPC answer, in order. The name of an exchange is different each time."""
    names = re.findall(r"^\t+([^:\s]+):", answer, re.MULTILINE)
    return ["EXCHANGE" if re.fullmatch("[0-9a-f]+-[0-9a-f]+", name) else name for name in names]


async def rpc_answers():
    "each RPC command answers with the fields that the manual shows"
    async with gateway(name="rpc") as gw, gateway(name="rpc_store", validity=3600) as store:
        alice, bob = await gw.user(Phone, "alice"), await gw.user(ImClient, "bob")
        bob.answers.append(486)
        await (await alice.send_sm("+15550002", "Are you there?")).outcome()
        call_id = re.findall(r"call_id=(\S+)", gw.log())[-1]
        client, phone = await store.user(ImClient, "alice"), await store.user(Phone, "bob")
        phone.answer = 480
        equal((await client.send_im("sip:+15550002@ims.example", "Are you there?")).status, 202, "a message is stored")
        await store.until(lambda: store.pending() == 0, what="the message at rest")
        rows = Rows()
        for _, line, text in blocks("console"):
            for call, answer in re.findall(r"^\$ kamcmd (.*)\n((?:[^$].*\n)*)", text, re.MULTILINE):
                command = shlex.split(call)
                if command[0] == "ipsmgw.nodes":
                    # There is no other node; the case `examples` has two.
                    rows.check(f"line {line}: {call}", shape(gw.rpc(*command)), shape(answer)[:1])
                    continue
                of = store if command[0].startswith("ipsmgw.store_") else gw
                if command[0] == "ipsmgw.trace":
                    command[1] = call_id
                if command[0] in ("ipsmgw.store_show", "ipsmgw.store_drop"):
                    command[1] = re.findall(r"^\t(\S+): {", store.rpc("ipsmgw.store_list", "s:+15550002"), re.MULTILINE)[0]
                rows.check(f"line {line}: {call}", shape(of.rpc(*command)), shape(answer))
        [example] = [text for text in map(str.strip, manuals.block(MANUAL_NAME, "Log messages", "").splitlines())]
        [said] = [line for line in gw.log().splitlines() if "NOTICE: ipsmgw: failed" in line]
        rows.check("the line of the log", re.findall(r"(\w+)=\S", said), re.findall(r"(\w+)=\S", example))
        rows.done(at_least=15)


async def first_conversation():
    "the commands of README.md, a softphone, and a phone with a number"
    async with gateway(name="first", people=[]) as gw:
        commands = re.findall(r"^(kamailio-cfg/user add .*?)\s*#", manuals.block("README.md", "A first conversation", ""), re.MULTILINE)
        for command in commands:
            subprocess.run(shlex.split(command), cwd=ROOT, env=gw.env, check=True, capture_output=True)
            name, password, *number = shlex.split(command)[2:]
            gw.people[name] = (password, number[0] if number else None)
        alice, bob = await gw.user(ImClient, "alice"), await gw.user(Phone, "bob")
        equal((await alice.send_im("sip:+15550001@ims.example", "hello")).status, 200, "the answer to the client")
        request, message = await bob.next_message()
        equal(message.tpdu.text, "hello", "what the phone shows")
        # A name without a number: the phone cannot answer.
        equal(message.tpdu.address, "alice", "the sender that the phone shows")


def tests_of(case):
    """The scenarios that a case runs."""
    calls = [node for node in ast.walk(ast.parse(case.read_text())) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return {name.id for call in calls if call.func.id == "run" for name in call.args if isinstance(name, ast.Name)}


async def every_block():
    "each code block of the manuals stands in played.py with its test, and each of these tests is there"
    rows, listed = Rows(), {document: list(blocks) for document, blocks in PLAYED.items()}
    for one in manuals.blocks():
        is_parameter = one.document == MANUAL_NAME and one.text.startswith('modparam("ipsmgw"')
        is_ladder = one.kind == "" and re.search(r"\|-{8,}>\||\|<-{8,}", one.text)
        if is_parameter or is_ladder:
            continue
        of_document = listed.get(one.document, [])
        entry = next((entry for entry in of_document if entry[0] == one.heading), None)
        rows.check(f"{one.place}: whether played.py has a line for this block of {one.heading!r}", entry is not None, True)
        if entry is None:
            continue
        of_document.remove(entry)
        test = entry[1]
        if test == DRAWING:
            rows.check(f"{one.place}: whether a drawing is no example", one.kind, "")
            continue
        place, _, name = test.partition(": ")
        case = ROOT / f"tests/e2e/{place}/case.py"
        is_there = name in tests_of(case) if case.exists() else re.search(rf"^(def {name}\(|{name}\(\) \{{)", (ROOT / place).read_text(), re.MULTILINE)
        rows.check(f"{one.place}: whether there is {test}", bool(is_there), True)
    rows.check("blocks of played.py that no manual has", {name: left for name, left in listed.items() if left}, {})
    rows.done(at_least=140)


run(every_block, examples, examples_for_kemi, configurations, kemi_names, rpc_answers, first_conversation)
