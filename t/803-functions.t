#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The processes of users' functions: when they are started, replaced and ended,
# what they are given, and what is said of them.  The function is a script that
# listens on its socket and answers nothing; the workers are those in Python,
# which know of no functions.
use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

if (my $why = Test::Forebay::no_python()) {
	skip_for($why);
	done_testing();
	exit;
}
my $broker = Test::Forebay::Mock->new;
my $can_mount = (run(['unshare', '--mount', 'true']))[0] == 0;

# Its argument is the directory of its socket; what it has been given is in
# "DIR/told", and each end in "DIR/ended".
sub program
{
	my ($dir) = @_;

	spew("$dir/function", <<"PL");
#!/usr/bin/perl
use strict;
use warnings;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
my \$at = shift // '/var/run/numaflow';
my \$path = "\$at/sourcetransform.sock";
\$SIG{TERM} = sub {
	open(my \$out, '>>', "$dir/ended"); print \$out "\$\$\\n"; close(\$out);
	exit 0;
};
die "something is there already\\n" if -e \$path;
my \$socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => \$path,
    Listen => 8) or die "\$path: \$!\\n";
if (\$ENV{HELPER}) {
	my \$pid = fork() // die;
	if (!\$pid) { POSIX::setsid(); \$SIG{TERM} = 'IGNORE'; sleep while 1 }
	open(my \$out, '>', "$dir/helper"); print \$out \$pid; close(\$out);
}
open(my \$out, '>', "$dir/told.new") or die "told: \$!\\n";
print \$out JSON::PP->new->encode({ pid => \$\$, uid => \$>,
    socket => [(stat \$path)[2, 4, 5]], env => { %ENV } });
close(\$out);
rename("$dir/told.new", "$dir/told." . (\$ENV{NUMAFLOW_REPLICA} // ''));
print STDERR "I listen\\n";
sleep while 1;
PL
	chmod(0755, "$dir/function") or die "chmod: $!";
	chmod(0777, $dir) or die "chmod: $!";
	return "$dir/function";
}

sub told
{
	my ($dir, $instance) = @_;
	my $text = slurp("$dir/told." . ($instance // 0));

	return $text && JSON::PP->new->decode($text);
}

sub pid_of { return (told(@_) // {})->{pid} // 0 }

sub functions
{
	my ($dir, $function, %opt) = @_;
	my $f = Test::Forebay->new(broker => $broker,
	    topic => $broker->topic(2), sink => 'blackhole',
	    runtime => 'python', no_ledger => 'these workers have no function',
	    %opt, host => { functions => { transformer => {
		command => [program($dir), '{sockets}'], %$function } },
		%{$opt{host} // {}} });

	$f->edit(sub { $_[0]{source}{transformer} = {
	    container => { image => 'none' } } });
	return $f;
}

sub socket_of { return "$_[0]{run}/functions/transformer-$_[1]/sourcetransform.sock" }

scenario 'one for each worker' => sub {
	my $dir = scratch();
	my $f = functions($dir, { env => { OWN => 'in {sockets}',
	    THEN => '$(OWN)' } });

	$f->start_ready(2);
	is_soon { told($dir, 0) && told($dir, 1) } 'both are started';
	ok(-S socket_of($f, $_), "socket $_") for 0, 1;
	my $told = told($dir, 1);

	is($told->{env}{$_->[0]}, $_->[1], $_->[0]) for
	    ['NUMAFLOW_UD_CONTAINER_TYPE', 'transformer'],
	    ['NUMAFLOW_MONO_VERTEX_NAME', 'demo'],
	    ['NUMAFLOW_REPLICA', 1], ['NUMAFLOW_POD', 'demo-mv-1'],
	    ['OWN', "in $f->{run}/functions/transformer-1"],
	    ['THEN', "in $f->{run}/functions/transformer-1"];
	is_soon { $f->log_text =~ /function transformer-1\[$told->{pid}\]: I listen/ }
	    'what it says is in the log';

	my $pid = pid_of($dir, 0);
	my $other = pid_of($dir, 1);
	my @seen = @{$f->status->{functions}};

	is_deeply([map { [@$_{qw(role instance pid state restarts)}] } @seen],
	    [['transformer', 0, $pid, 'running', 0],
	    ['transformer', 1, $other, 'running', 0]], 'status has them');
	like(($f->cli('status'))[1], qr/^FUNCTION .*\ntransformer +0 +(?:- +)?$pid +running/m,
	    'for people, too');

	kill('KILL', $pid);
	is_soon { pid_of($dir, 0) != $pid } 'one that is killed is started again';
	unlike($f->log_text, qr/something is there already/,
	    'the socket was taken away before');
	like($f->log_text, qr/function transformer-0 \(pid $pid\) was ended by signal 9/,
	    'and its end is said');
	is(pid_of($dir, 1), $other, 'the other has stayed');
	is($f->metric('forebay_function_deaths_total',
	    function => 'transformer', instance => 0), 1, 'one death is counted');
	$f->stop;
	my $log = $f->log_text;

	like($log, qr/-> LEAVING.*function transformer-0 \(pid \d+\) exited with code 0/s,
	    'at the end it goes, too');
	unlike($log, qr/function transformer-\d \(pid \d+\) exited.*worker \d \(pid \d+\)[^\n]*exited/s,
	    'after the workers');
	is_deeply([sort split /\n/, slurp("$dir/ended")],
	    [sort map { pid_of($dir, $_) } 0, 1], 'as it was asked to');
	ok(!-e socket_of($f, 0), 'nothing listens there any more');
};

scenario 'what it has started ends with it' => sub {
	my $dir = scratch();
	my $f = functions($dir, { instances => 1, env => { HELPER => 1 } });

	$f->start_ready(2);
	is_soon { told($dir) && slurp("$dir/helper") } 'it is started';
	my $helper = slurp("$dir/helper");

	ok(pid_alive($helper), 'with a process of a session of its own');
	ok(!-e socket_of($f, 1), 'the workers share one');
	$f->stop;
	ok(!pid_alive($helper), 'which is gone');
};

scenario 'an alarm while it cannot run' => sub {
	my $dir = scratch();
	my $f = functions($dir, { instances => 1 });

	$f->start_ready(2);
	is_soon { told($dir) } 'it is started';
	spew("$dir/function", "#!/bin/sh\nexit 3\n");
	chmod(0755, "$dir/function") or die "chmod: $!";
	kill('KILL', pid_of($dir));
	is_soon { my ($code, $body) = $f->http('/readyz');
		$code == 503 && $body =~ /function: function transformer-0 is not running/ }
	    '/readyz says why it says no';
	is_soon { $f->log_text =~ /transformer-0 \(pid \d+\) exited with code 3/ }
	    'so does the log';
	program($dir);
	is_soon { $f->log_text =~ /function: over/ } 'until it runs again';
	$f->stop;
};

scenario 'a program that is not there' => sub {
	my $dir = scratch();
	my $f = functions($dir, { instances => 1 });
	my $good = $f->{host}{spec}{functions}{transformer}{command};

	$f->edit(sub { $_[1]{functions}{transformer}{command} =
	    ["$dir/missing", '{sockets}'] });
	my ($status, undef, $err) = run([$f->command, 'test', '-c',
	    $f->{file}]);

	is($status, 2, 'refused');
	like($err, qr{^\S+:\d+:\d+: the program of the function transformer, $dir/missing, is missing\n\z},
	    'in one sentence');
	$f->edit(sub { $_[1]{functions}{transformer}{command} = $good });
	$f->start_ready(2);
	is_soon { told($dir) } 'with the right one it runs';
	my $pid = pid_of($dir);

	$f->edit(sub { $_[1]{functions}{transformer}{command} = ['no-such'] });
	my ($ok, $text) = $f->reload;

	like("$ok $text", qr/the program of the function transformer, no-such, is not in PATH/,
	    'a reload to a wrong one is refused');
	ok(pid_alive($pid), 'and the function stays');
	$f->stop;
};

scenario 'a reload' => sub {
	my $dir = scratch();
	my $f = functions($dir, { instances => 1 });

	$f->start_ready(2);
	is_soon { told($dir) } 'it is started';
	my $pid = pid_of($dir);

	$f->edit(sub { $_[1]{functions}{transformer}{env}{OWN} = 'other' });
	$f->reload_ok;
	is_soon { pid_of($dir) != $pid } 'with another environment it is another';
	is(told($dir)->{env}{OWN}, 'other', 'which has it');
	ok(!pid_alive($pid), 'and the one before has gone');
	$pid = pid_of($dir);
	$f->edit(sub { $_[1]{functions}{transformer}{args} = ['fails'] });
	spew("$dir/function", "#!/bin/sh\nexit 3\n");
	chmod(0755, "$dir/function") or die "chmod: $!";
	my ($status, $text) = $f->reload;

	is($status, 1, 'one that ends at once is no success');
	like($text, qr/; function transformer-0 is not running/, 'it says so');
	program($dir);
	$f->edit(sub { delete $_[1]{functions}{transformer}{args} });
	$f->reload_ok;
	is_soon { pid_of($dir) != $pid && pid_alive(pid_of($dir)) }
	    'and one that runs is';
	$pid = pid_of($dir);
	$f->edit(sub { $_[1]{log}{level} = 'debug' });
	$f->reload_ok;
	is(pid_of($dir), $pid, 'with nothing changed it stays');
	$f->edit(sub { delete $_[0]{source}{transformer};
		delete $_[1]{functions} });
	$f->reload_ok;
	is_soon { !pid_alive($pid) } 'without its role it ends';
	$f->stop;
};

scenario 'a secret gets another value' => sub {
	my ($dir, $secrets) = (scratch(), scratch());

	mkdir("$secrets/login") or die "mkdir: $!";
	spew("$secrets/login/key", 'one');
	my $f = functions($dir, { instances => 1 },
	    host => { secretsDirectory => "$secrets" });

	$f->edit(sub { $_[0]{source}{transformer}{container}{env} = [
	    { name => 'KEY', valueFrom => { secretKeyRef => {
		name => 'login', key => 'key' } } }] });
	$f->start_ready(2);
	is_soon { told($dir) } 'it is started';
	is(told($dir)->{env}{KEY}, 'one', 'with the secret');
	my $pid = pid_of($dir);

	spew("$secrets/login/key", "one\n");
	$f->reload_ok;
	is(pid_of($dir), $pid, 'with the same value it stays');
	spew("$secrets/login/key", 'two');
	my ($status, $text) = $f->cli('reload');

	is($status, 0, 'it gets another value');
	like($text, qr/functions were replaced, since their secrets have/,
	    'and that is said');
	is_soon { pid_of($dir) != $pid } 'with another it is another';
	is(told($dir)->{env}{KEY}, 'two', 'which has it');
	$f->stop;
};

scenario 'a master that is killed' => sub {
	my $dir = scratch();
	my $f = functions($dir, { instances => 1 });

	$f->start_ready(2);
	is_soon { told($dir) } 'it is started';
	my $pid = pid_of($dir);

	is($f->kill_master, 137, 'the master is killed');
	is_soon { !pid_alive($pid) } 'the function ends';
	$f->start_ready(2);
	is_soon { pid_of($dir) != $pid } 'the next one starts its own';
	$f->stop;
};

scenario 'a directory and a user of its own' => sub {
	my $dir = scratch();

	return skip_for('namespaces and users are root\'s', machine => 1)
	    if !$can_mount || $>;
	my $nobody = getpwnam('nobody');
	my $f = functions($dir, { instances => 1, user => 'nobody',
	    command => [program($dir)], isolation => 'namespace' });

	$f->start_ready(2);
	is_soon { told($dir) } 'it is started without {sockets}';
	is(told($dir)->{uid}, $nobody, 'as nobody');
	ok(-S socket_of($f, 0), 'its socket is in its directory');
	ok(!-e '/var/run/numaflow/sourcetransform.sock',
	    'which the machine does not see');
	my ($mode, $uid, $gid) = (stat socket_of($f, 0))[2, 4, 5];

	is(sprintf('%04o %d %d', $mode & 07777, $uid, $gid),
	    sprintf('%04o %d %d', 0770, $nobody, 0),
	    'and is the group\'s, whose the workers are');
	$f->stop;
};

scenario 'in the pod of a runtime' => sub {
	my $dir = scratch();
	my $pod = scratch();

	return skip_for('pods take namespaces', machine => 1) if !$can_mount;
	spew("$pod/runtime", "#!/bin/sh\n"
	    . "while ! test -S /var/run/numaflow/sourcetransform.sock; do :; done\n"
	    . "echo found >$pod/found\nexec perl -MPOSIX -e pause\n");
	chmod(0755, "$pod/runtime") or die "chmod: $!";
	my $f = functions($dir, { command => [program($dir)] },
	    runtime => 'other',
	    host => { runtimes => { other => { command => ["$pod/runtime"],
		protocol => 'numaflow' } } });

	$f->start;
	is_soon { slurp("$pod/found") } 'the runtime finds its socket';
	ok(-S "$f->{run}/pods/other-0/run/sourcetransform.sock",
	    'in the pod\'s directory');
	ok(!-e "$f->{run}/functions", 'there are none of workers');
	$f->stop;
	is(scalar(split /\n/, slurp("$dir/ended")), 1, 'and it has ended');
};

done_testing();
