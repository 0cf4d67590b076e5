#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Runtimes: which there are, which is chosen, and what those that are no
# workers of ours get.
use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

delete @ENV{qw(NUMAFLOW_RUNTIME FOREBAY_TEST_RUNTIME)};

# The list, by name.
sub runtimes
{
	my ($f) = @_;
	my ($status, $out, $err) = run([$f->command, 'runtimes', '--json',
	    '-c', $f->{file}], env => $f->{env}, timeout => patience(30));

	is($status, 0, 'runtimes exits with 0') or diag($err);
	return { map { $_->{name} => $_ } @{JSON::PP::decode_json($out)} };
}

sub script
{
	my ($path, $text) = @_;

	spew($path, "#!/bin/sh\n$text\n");
	chmod(0755, $path) or die "$path: $!";
	return $path;
}

scenario 'the list' => sub {
	my $b = Test::Forebay::Mock->new;
	my $dir = scratch();
	my $talks = script("$dir/talks", 'echo "talks 1.2"; echo more');
	my $fails = script("$dir/fails", 'echo "no such option"; exit 1');
	my $hangs = script("$dir/hangs", 'exec tail -f /dev/null');
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    host => { runtimes => {
		talks => { command => [$talks], protocol => 'worker' },
		fails => { command => [$fails] },
		hangs => { command => [$hangs] },
		absent => { command => ["$dir/absent"] },
		text => { command => ["/etc/passwd"] },
	    } });
	my $list = runtimes($f);

	is($list->{c}{state}, 'chosen', 'c is chosen');
	is($list->{c}{protocol}, 'worker', 'its protocol');
	like($list->{c}{path}, qr{/forebay-worker$}, 'its program');
	is($list->{rust}{path}, '/bin/numaflow-rs', 'rust is known');
	is($list->{rust}{protocol}, 'numaflow', 'and how it is spoken to');
	is($list->{talks}{state}, 'found', 'a program that is there');
	is($list->{talks}{version}, 'talks 1.2', 'the first line it says');
	is($list->{fails}{version}, undef, 'what fails has told no version');
	is($list->{hangs}{version}, undef, 'nor has what does not end');
	is($list->{absent}{state}, 'missing', 'one that is not there');
	is($list->{text}{state}, 'not executable', 'and one that is none');
	ok(!exists $list->{golang}, 'golang is not known');
	my ($status, $out) = run([$f->command, 'runtimes', '-c', $f->{file}]);

	is($status, 0, 'as text');
	like($out, qr/^talks +worker +found +talks 1\.2 +\Q$talks\E$/m,
	    'a line for each');
	$f->start;
	is_soon { runtimes($f)->{c}{state} eq 'running' } 'c runs';
	$f->stop;
};

scenario 'a program that is not there is refused' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    runtime => 'gone', host => { runtimes => {
		gone => { command => ['/bin/gone'] } } });

	for my $word (qw(test run)) {
		my ($status, undef, $err) = run([$f->command, $word, '-c',
		    $f->{file}], timeout => patience(30));

		is($status, 2, "$word: the exit status of a bad manifest");
		like($err, qr{"gone", /bin/gone, is missing}, 'and the path');
	}
};

scenario 'golang is refused, unless somebody has one' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    runtime => 'golang');
	my ($status, undef, $err) = run([$f->command, 'test', '-c',
	    $f->{file}]);

	is($status, 2, 'refused');
	like($err, qr/Numaflow removed in 1\.7/, 'with the reason');
	$f->edit(sub { $_[1]{runtimes}{golang} = {
	    command => ['/bin/sh', '-c', 'exec tail -f /dev/null'] } });
	($status, undef, $err) = run([$f->command, 'test', '-c', $f->{file}]);
	is($status, 0, 'welcome when it is registered') or diag($err);
};

scenario 'the last NUMAFLOW_RUNTIME wins over the environment' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    env => { NUMAFLOW_RUNTIME => 'unheard-of' });

	$f->edit(sub { $_[0]{containerTemplate}{env} = [
	    map { { name => 'NUMAFLOW_RUNTIME', value => $_ } } 'rust', 'c'
	] });
	is(runtimes($f)->{c}{chosen}, JSON::PP::true(), 'c, the last');
	$f->edit(sub { delete $_[0]{containerTemplate} });
	my ($status, undef, $err) = run([$f->command, 'test', '-c',
	    $f->{file}], env => $f->{env});

	is($status, 2, 'without any it is the environment that counts');
	like($err, qr/^environment: NUMAFLOW_RUNTIME: found "unheard-of"/,
	    'which is wrong');
};

scenario 'replicas, arguments and environment' => sub {
	my $b = Test::Forebay::Mock->new;
	my $dir = scratch();
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    runtime => 'other', host => { runtimes => { other => {
		command => ['/bin/sh', '-c',
		    'echo "$0 $1 $NUMAFLOW_POD $MINE" >$DIR/$NUMAFLOW_REPLICA'
			. '; exec tail -f /dev/null'],
		args => ['zero', 'one'],
		env => { MINE => 'yes', DIR => "$dir" },
		replicas => 3,
	    } } });

	$f->start;
	for my $n (0 .. 2) {
		is_soon { (-s "$dir/$n" // 0) > 0 } "replica $n is started";
		is(slurp("$dir/$n"), "zero one demo-mv-$n yes\n",
		    'with its arguments and its environment');
	}
	my $child = $f->status->{foreign};

	is(scalar @{$child->{pids}}, 3, 'status has three processes');
	is_soon { ($f->http('/readyz'))[0] == 204 } 'ready: all of them run';
	kill('KILL', $child->{pids}[1]);
	is_soon { ($f->status->{foreign}{deaths} // 0) == 1 } 'one dies';
	is_soon { ($f->http('/readyz'))[0] == 204 &&
	    $f->status->{foreign}{spawns} == 4 } 'and is started again';
	is_deeply($f->status->{alarms}, [], 'then the alarm is over');
	$f->stop;
};

# A server that answers a path with a code, and all others with 404.
sub answer_with
{
	my ($path, $code) = @_;
	my $server = IO::Socket::INET->new(Listen => 5,
	    LocalAddr => '127.0.0.1', Proto => 'tcp') or die "listen: $!";
	my $pid = fork // die "fork: $!";

	return ($server->sockport, $pid) if $pid;
	while (my $conn = $server->accept) {
		my ($asked) = (<$conn> // '') =~ m{^GET (\S+)};
		my $say = ($asked // '') eq $path ? $code : 404;

		print $conn "HTTP/1.0 $say Word\r\n",
		    "Content-Length: 0\r\n\r\n";
		close $conn;
	}
	POSIX::_exit(0);
}

scenario 'readiness' => sub {
	my $b = Test::Forebay::Mock->new;
	my ($port, $pid) = answer_with('/ready', 204);
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    runtime => 'other');
	my $ready = sub {
		my %readiness = @_;

		return sub { $_[1]{runtimes}{other} = {
		    command => ['/usr/bin/tail', '-f', '/dev/null'],
		    %readiness ? (readiness => \%readiness) : () } };
	};

	$f->edit($ready->());
	$f->start;
	is_soon { ($f->http('/readyz'))[0] == 204 } 'nothing is asked for';
	$f->reload_ok($ready->(port => $port, path => '/other'), 'a path');
	is_soon { ($f->http('/readyz'))[1] =~ /does not say/ }
	    'that says no: not ready';
	$f->reload_ok($ready->(port => $port, path => '/ready'), 'another');
	is_soon { ($f->http('/readyz'))[0] == 204 } 'that says yes: ready';
	$f->reload_ok($ready->(port => $port), 'a port alone');
	is_soon { ($f->http('/readyz'))[0] == 204 } 'that answers: ready';
	kill_pid($pid);
	is_soon { ($f->http('/readyz'))[0] == 503 } 'until nobody answers';
	my $row = runtimes($f)->{other};

	is($row->{state}, 'not ready', 'the list says so, too');
	like($row->{reason}, qr/does not say that it is ready/, 'and why');
	$f->stop;
};

# The group as the broker knows it, while its member is none of ours.
scenario 'what is seen of a runtime that does nothing' => sub {
	my $b = Test::Forebay::Mock->new;
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(2),
	    runtime => 'other', host => { runtimes => { other => {
		command => ['/usr/bin/tail', '-f', '/dev/null'] } } });

	$b->produce($f->{topics}[0], 100);
	$f->start;
	is_soon { ($f->status->{lag} // -1) == 100 } 'nothing is committed';
	is($f->partitions->{"$f->{topics}[0]/0"}{committed}, undef,
	    'which is no offset');
	$b->halt;
	is_soon { !defined $f->status->{lag} }
	    'when the broker is silent the lag becomes unknown', 60;
	is((() = $f->log_text =~ /how far it has come is not known now/g), 1,
	    'which is said once');
	$b->resume;
	is_soon { ($f->status->{lag} // -1) == 100 } 'and is known again', 60;
	is_deeply($f->status->{alarms}, [], 'it is no trouble of ours');
	$f->stop;
};

# It is all that a worker in another language has to read.
scenario 'what a worker of another program is told' => sub {
	my $b = Test::Forebay::Mock->new;
	my ($dir, $secrets) = (scratch(), scratch());
	my $password = 'hunter-\x{e9}-"2"';

	mkdir("$secrets/kafka") or die "mkdir: $!";
	utf8::encode($password);
	spew("$secrets/kafka/user", 'me');
	spew("$secrets/kafka/password", $password);
	my %secret = map { ("${_}Secret" => { name => 'kafka', key => $_ }) }
	    qw(user password);
	my $f = Test::Forebay->new(broker => $b, topic => $b->topic(1),
	    runtime => 'other', workers => 1, no_ledger => 'it reads nothing',
	    config => { 'fetch.min.bytes' => 7 },
	    spec => { limits => { readBatchSize => 77 } },
	    host => { secretsDirectory => "$secrets",
		watermark => { maxDelay => '3s' },
		runtimes => { other => { protocol => 'worker',
		    command => ['/bin/sh', '-c', 'exec 7<&6; '
			. 'stat -L -c %a /proc/self/fd/6 >$DIR/mode; '
			. 'cat <&6 >$DIR/new; '
			. 'sh -c "echo x >&7" 2>/dev/null && : >$DIR/changed; '
			. 'mv $DIR/new $DIR/told; exit 2'],
		    env => { DIR => "$dir" } } } },
	    sink => { kafka => { brokers => [$b->bootstrap],
		topic => 'copy', config => "linger.ms: 77\nacks: 1\n"
		    . "enable.idempotence: false\n",
		sasl => { mechanism => 'PLAIN', plain => { %secret,
		    handshake => JSON::PP::true() } } } });

	$f->edit(sub { $_[0]{containerTemplate}{env}[1] =
	    { name => 'MINE', value => 'too' } });
	$f->start;
	is_soon { -e "$dir/told" } 'it is started';
	my $text = slurp("$dir/told");
	my $told = JSON::PP->new->utf8->decode($text);

	utf8::decode(my $word = $password);
	is($told->{abi}, 4, 'the ABI');
	is($told->{runtime}, 'other', 'its name');
	is($told->{consumer}{'fetch.min.bytes'}, 7, 'a setting of the source');
	is($told->{consumer}{'enable.auto.commit'}, 'false', 'what is forced');
	is($told->{consumer}{'auto.offset.reset'}, 'error', 'of topics, too');
	ok(!exists $told->{consumer}{'group.instance.id'}, 'no membership');
	ok(!(grep { /_cb$|^log\.queue$/ } keys %{$told->{consumer}}),
	    'nothing of our process');
	my $sink = $told->{sinks}{sink};

	is($sink->{type}, 'kafka', 'the sink');
	is($sink->{topic}, 'copy', 'its topic');
	is($sink->{settings}{'queue.buffering.max.ms'}, 77,
	    "its settings, by librdkafka's first names (this is linger.ms)");
	is($sink->{settings}{acks} // $sink->{settings}{'request.required.acks'},
	    1, 'and those of its topic');
	is($sink->{settings}{'sasl.password'}, $word, 'and its password');
	is($told->{sinks}{$_}, undef, "no $_") for qw(fallback deadLetter);
	is($told->{limits}{readBatchSize}, 77, 'limits');
	is($told->{limits}{streaming}, JSON::PP::false(), 'as batches');
	is($told->{watermark}{maxDelayMs}, 3000, 'watermark');
	is($told->{monoVertex}{metadata}{name}, 'demo', 'and the whole');
	like(slurp("$dir/mode"), qr/^0\n/, 'nobody else may open it');
	ok(!-e "$dir/changed", 'and nobody at all change it');
	is_soon { grep { $_->{text} =~ /did not accept the manifest/ }
	    @{$f->status->{alarms}} } 'it refused, and is not tried again';
	unlike($f->log_text, qr/hunter/, 'the password is not in the log');
	$f->stop;
};

done_testing();
