# SPDX-License-Identifier: Apache-2.0
#
# A broker that asks who is there, and a host that says so with secrets.
package Test::Forebay::Secured;

use strict;
use warnings;

use Exporter qw(import);
use File::Path qw(make_path);
use JSON::PP ();

use Test::Forebay::Kafka;
use Test::Forebay::Util;

our @EXPORT = qw(secured_broker secured $USER $PASSWORD);
our ($USER, $PASSWORD) = @{$Test::Forebay::Kafka::USERS{'SCRAM-SHA-512'}};

# What we do ourselves, over the listener without SASL, is always allowed.
sub secured_broker
{
	my (%settings) = @_;

	return Test::Forebay::Kafka->private(settings => { %settings,
		'authorizer.class.name' =>
		    'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
		'super.users' => 'User:ANONYMOUS',
	});
}

# What a host is made with; its secrets are files below $dir.
sub secured
{
	my ($broker, $dir, $password) = @_;
	my $of = sub { return { name => 'kafka', key => $_[0] } };

	make_path("$dir/kafka");
	spew("$dir/kafka/user", $USER);
	spew("$dir/kafka/password", $password // $PASSWORD);
	return (
		bootstrap => $broker->sasl_bootstrap,
		host => { secretsDirectory => "$dir" },
		kafka => { sasl => {
			mechanism => 'SCRAM-SHA-512',
			scramsha512 => {
				userSecret => $of->('user'),
				passwordSecret => $of->('password'),
				handshake => JSON::PP::true(),
			},
		} },
	);
}

1;
