-- ipsmgw for an existing KEMI script in Lua: the routes of ipsmgw-routes.cfg, which tells the settings and the reasons. Load it in your
-- own script, and call it in ksr_request_route, after the authentication:
--
--   dofile("/path/to/ipsmgw-routes.lua")       at the beginning
--   ipsmgw_route()                             after ksr_route_auth()
--
-- and in the configuration, at the end:        include_file "/path/to/ipsmgw-routes.cfg"
--
-- A third line lets an overloaded gateway refuse requests before it authenticates them: first in ksr_request_route, ipsmgw_overload().
--
-- Rules of your own tell which messages are converted: a function ksr_ipsmgw_converts, as in doc/recipes.md.

-- The defines of the configuration. They can be read only while a message is processed.
local function setting(name)
	return KSR.pv.gete("$(def(" .. name .. "){s.unquote})")
end

local function identity_of(user)
	return "sip:" .. user .. "@" .. setting("IPSMGW_DOMAIN")
end

-- Sets $avp(ipsmgw_identity) to the sender. Without a sender the module refuses to convert.
local function identify()
	KSR.pv.unset("$avp(ipsmgw_identity)")
	local sender = setting("IPSMGW_SENDER")
	if sender == "from" then
		KSR.pv.sets("$avp(ipsmgw_identity)", KSR.pv.gete("$fu"))
		return
	end
	-- The same name in another domain is another person.
	if sender == "user_and_domain" and KSR.pv.gete("$fd"):lower() ~= setting("IPSMGW_DOMAIN"):lower() then
		return
	end
	if not KSR.pv.is_null("$avp(ipsmgw_user)") then
		KSR.pv.sets("$avp(ipsmgw_identity)", identity_of(KSR.pv.gete("$avp(ipsmgw_user)")))
	end
end

-- False for a message that is not converted, by your ksr_ipsmgw_converts.
local function may_convert()
	if not ksr_ipsmgw_converts then
		return true
	end
	local recipient, direction = KSR.pv.gete("$ru"), "im2sm"
	if KSR.pv.get("$ipsmgw(class)") == 1 then
		recipient, direction = identity_of(KSR.pv.gete("$ipsmgw(da)")), "sm2im"
	end
	return ksr_ipsmgw_converts(KSR.pv.gete("$avp(ipsmgw_identity)"), recipient, direction)
end

local function capable(what)
	return KSR.ipsmgw.capable(KSR.pv.gete("$ru"), what) > 0
end

-- The refusal leaves a charging record, and a phone gets its report.
local function refuse(status)
	KSR.pv.seti("$ipsmgw(status)", status)
	KSR.ipsmgw.reply()
end

-- RP-DATA: the recipient is the number in TP-DA.
local function short_message()
	KSR.seturi(identity_of(KSR.pv.gete("$ipsmgw(da)")))
	if capable("im") and KSR.ipsmgw.authorize(KSR.pv.gete("$ru"), "sm2im") > 0 then
		-- 1: the request is an instant message now. Other values: the request is answered, and the report follows.
		if KSR.ipsmgw.sm_to_im() ~= 1 then
			return
		end
		if KSR.registrar.lookup("location") > 0 then
			KSR.tm.t_on_branch("ipsmgw_im_clients")
			if KSR.tm.t_relay() > 0 then
				return
			end
		end
		refuse(480)
	elseif capable("sm") then
		-- From phone to phone: the gateway is the service centre of both.
		KSR.ipsmgw.sm_to_sm()
	elseif capable("im") then
		-- For the phone this is "requested facility not subscribed".
		refuse(402)
	else
		refuse(480)
	end
end

-- Returns when the recipient is a client, which gets the message unchanged, or no person of this gateway.
local function instant_message(class)
	local is_tel = KSR.pv.gete("$rz") == "tel"
	if not KSR.is_myself_ruri() and not is_tel then
		return
	end
	-- A number is sip:+NUMBER@DOMAIN, however it is written.
	local number = KSR.pv.get("$(ru{ipsmgw.number})")
	if number then
		KSR.seturi(identity_of(number))
	elseif is_tel then
		return
	end
	if capable("im") then
		KSR.tm.t_on_branch("ipsmgw_im_clients")
		return
	end
	if not capable("sm") then
		return
	end
	if class == 4 then
		if KSR.ipsmgw.authorize(KSR.pv.gete("$avp(ipsmgw_identity)"), "im2sm") < 0 then
			refuse(403)
			KSR.x.exit()
		end
		if not may_convert() then
			return
		end
		-- The sender gets its answer after the phone's report, or has its refusal.
		KSR.ipsmgw.im_to_sm()
	elseif class == 5 or class == 6 then
		-- A phone shows neither notifications nor "is typing".
		KSR.sl.sl_send_reply(200, "OK")
	else
		-- Refuses with the list of accepted types.
		KSR.ipsmgw.im_to_sm()
	end
	KSR.x.exit()
end

-- Refuses new requests with 503 while the gateway has too much to do.
function ipsmgw_overload()
	if KSR.ipsmgw.overloaded() > 0 then
		KSR.x.exit()
	end
end

-- Handles the messages that it converts, and returns for all others.
function ipsmgw_route()
	ipsmgw_overload()
	if KSR.is_REGISTER() then
		-- Before save(): the contacts are stored with their capabilities.
		KSR.ipsmgw.save()
		return
	end
	if not KSR.is_MESSAGE() then
		return
	end

	identify()
	if KSR.ipsmgw.enabled() < 0 then
		-- `ipsmgw.disable`: reports on open messages are taken; your script handles all other messages.
		if KSR.ipsmgw.expects_report() > 0 then
			KSR.ipsmgw.report()
			KSR.x.exit()
		end
		return
	end
	local class = KSR.ipsmgw.classify()
	if class == 1 then
		-- Not converted, by your rules: your script handles the message.
		if not may_convert() then
			return
		end
		short_message()
		KSR.x.exit()
	elseif class == 2 or class == 3 then
		-- RP-ACK, RP-ERROR, RP-SMMA: always answered.
		KSR.ipsmgw.report()
		KSR.x.exit()
	elseif class == -2 then
		KSR.notice("malformed short message refused: " .. KSR.pv.gete("$ipsmgw(error)") .. " call_id=" .. KSR.pv.gete("$ci") .. "\n")
		KSR.sl.sl_send_reply(400, "Bad Short Message")
		KSR.x.exit()
	elseif class == 5 and KSR.ipsmgw.report() ~= -2 then
		-- A notification. -2: it is about a message that the gateway did not send, and goes on.
		KSR.x.exit()
	end
	instant_message(class)
end

-- A branch route. A text goes to the clients of a person, not to the phones. 21 is the parameter im_flag of ipsmgw.
function ipsmgw_im_clients()
	if not KSR.isbflagset(21) then
		KSR.set_drop()
	end
end
